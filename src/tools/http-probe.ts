// Says whether a tool's host accepts a connection, also through a proxy. It sends the host nothing.
import { request } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { connect, isIP, type LookupFunction } from 'node:net'
import type { ProxyConfig } from '../config/config.js'

const PROBE_TIMEOUT_MS = 2000

interface Way {
  readonly lookup: LookupFunction
  readonly proxy: ProxyConfig | undefined
}

/** A plain http host behind a proxy is not asked for: then it is the proxy that must be there. Never rejects. */
export function canReach(origin: string, { lookup, proxy }: Way): Promise<boolean> {
  const { hostname, port, protocol } = new URL(origin)
  const host = hostname.replace(/^\[|\]$/g, '')
  const at = Number(port) || (protocol === 'https:' ? 443 : 80)
  if (!proxy) return canConnect({ host, port: at, lookup })
  return protocol === 'https:' ? canTunnel(new URL(proxy.url.reveal()), `${hostname}:${at}`) : canConnect(addressOf(new URL(proxy.url.reveal())))
}

function addressOf({ hostname, port, protocol }: URL): { readonly host: string; readonly port: number } {
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'https:' ? 443 : 80) }
}

function canConnect(to: { readonly host: string; readonly port: number; readonly lookup?: LookupFunction }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(to)
    const finish = (ok: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(ok)
    }
    const timer = setTimeout(() => finish(false), PROBE_TIMEOUT_MS)
    socket.once('connect', () => finish(true)).once('error', () => finish(false))
  })
}

function canTunnel(proxy: URL, target: string): Promise<boolean> {
  return new Promise((resolve) => {
    const credential = Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64')
    const headers = { host: target, ...(proxy.username && { 'proxy-authorization': `Basic ${credential}` }) }
    const open = proxy.protocol === 'https:' ? tlsRequest : request
    const address = addressOf(proxy)
    // Otherwise the proxy's certificate would be compared with the target's name, which the header has.
    const servername = isIP(address.host) === 0 ? address.host : ''
    const asked = open({ ...address, servername, method: 'CONNECT', path: target, headers, agent: false })
    const finish = (ok: boolean) => {
      clearTimeout(timer)
      asked.destroy()
      resolve(ok)
    }
    const timer = setTimeout(() => finish(false), PROBE_TIMEOUT_MS)
    asked
      .once('error', () => finish(false))
      .once('connect', ({ statusCode }, socket) => {
        socket.destroy()
        finish(statusCode === 200)
      })
    asked.end()
  })
}
