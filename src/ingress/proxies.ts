// What may be believed of the proxies in front: whose `X-Forwarded-*` headers count, and what they say about the caller and the relay's own address.
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Config } from '../config/config.js'
import { normalAddress } from './address.js'

/** The names that `TRUST_PROXY` accepts besides addresses. */
const NAMED_RANGES: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}
const MAPPED_BITS = 96
/** Stands for the address of a socket that is already closed. */
const UNKNOWN = 'unknown'

export interface Proxies {
  /** Whether this socket's peer is a trusted proxy. */
  isTrusted(address: string | undefined): boolean
  /** The caller's normal address: of the last hop that no trusted proxy vouches for. What is no address counts as the proxy that wrote it. */
  callerOf(request: IncomingMessage): string
  /** The origins a client has that takes the relay's own address for its origin. */
  ownOrigins(request: IncomingMessage): readonly string[]
}

export function trustedProxies(setting: Config['trustProxy']): Proxies {
  const ranges = typeof setting === 'string' ? rangesOf(setting) : undefined
  const trusts = (address: string): boolean => setting === true || ranges?.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') === true
  const isTrusted = (address: string | undefined): boolean => trusts(normalAddress(address ?? '') ?? UNKNOWN)

  /** The values of a list header, from the client's end. Empty unless the peer is trusted. */
  function forwarded({ socket, headersDistinct }: IncomingMessage, name: string): readonly string[] {
    if (!isTrusted(socket.remoteAddress)) return []
    return (headersDistinct[name] ?? []).flatMap((value) => value.split(',')).map((value) => value.trim())
  }

  return {
    isTrusted,
    callerOf(request) {
      const hops = forwarded(request, 'x-forwarded-for')
      let caller = normalAddress(request.socket.remoteAddress ?? '') ?? UNKNOWN
      for (let hop = hops.length - 1; hop >= 0 && trusts(caller); hop--) {
        const address = normalAddress(hops[hop] ?? '')
        if (address === undefined) break
        caller = address
      }
      return caller
    },
    ownOrigins(request) {
      const [host, ...others] = request.headersDistinct.host ?? []
      const hosts = [...(host !== undefined && others.length === 0 ? [host] : []), ...forwarded(request, 'x-forwarded-host')]
      const isTls = (request.socket as Partial<TLSSocket>).encrypted === true || forwarded(request, 'x-forwarded-proto').some((scheme) => /^(https|wss)$/i.test(scheme))
      // Without `TRUST_PROXY` the relay does not see that a proxy serves TLS. A page by https is no less the relay's own then.
      const schemes = isTls ? ['https'] : ['http', 'https']
      return hosts.flatMap((one) => schemes.flatMap((scheme) => originOf(`${scheme}://${one}`) ?? []))
    },
  }
}

/** Scheme, host and port as browsers spell them; undefined for anything else. Not every native client leaves out a default port. */
export function originOf(text: string): string | undefined {
  if (!/^https?:\/\/[^/?#@\s\\]+$/i.test(text) || !URL.canParse(text)) return undefined
  return new URL(text).origin
}

function rangesOf(setting: string): BlockList {
  const ranges = new BlockList()
  for (const entry of setting.split(',').flatMap((one) => NAMED_RANGES[one] ?? [one])) {
    const [written = '', prefix] = entry.split('/')
    const address = normalAddress(written)
    if (address === undefined) continue
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    const isMapped = family === 'ipv4' && written.includes(':')
    const bits = Number(prefix ?? (isMapped || family === 'ipv6' ? 128 : 32)) - (isMapped ? MAPPED_BITS : 0)
    // A range of mapped addresses that is wider than IPv4 holds all of IPv4.
    ranges.addSubnet(address, Math.max(0, bits), family)
  }
  return ranges
}
