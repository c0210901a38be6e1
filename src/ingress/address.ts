// One form for an address, however a socket or a proxy writes it, and the group of addresses that counts as one caller.
import { isIP, SocketAddress } from 'node:net'

/** Longer than any address with brackets, zone and port. */
const MAX_WRITTEN = 128

/**
 * The address in `text`: IPv4 in four decimals, IPv6 as RFC 5952 writes it, IPv4-mapped IPv6 as IPv4. Drops blanks, quotes, brackets, a port and a zone.
 * Undefined if it is no address.
 */
export function normalAddress(text: string): string | undefined {
  const written = text
    .slice(0, MAX_WRITTEN)
    .trim()
    .replace(/^"(.*)"$/, '$1')
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(written)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(written)?.[1] ?? written
  const address = bare.split('%', 1)[0] ?? ''
  const family = isIP(address)
  if (family === 0) return undefined
  if (family === 4) return address
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(canonical)?.[1] ?? canonical
}

/** What counts as one caller in limits by address. An IPv6 subscriber owns a whole /64. Takes a normal address. */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::', 2)
  const groups = head === '' ? [] : head.split(':')
  const rest = tail ? tail.split(':') : []
  const zeros = tail === undefined ? 0 : 8 - groups.length - rest.length - (tail.includes('.') ? 1 : 0)
  return `${[...groups, ...Array<string>(Math.max(0, zeros)).fill('0'), ...rest].slice(0, 4).join(':')}::/64`
}
