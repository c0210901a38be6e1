// Which pages may connect to the demo: those of this machine, whatever their port, besides the ones that ALLOWED_ORIGINS names.
import { networkInterfaces } from 'node:os'

/** Any port and scheme. A page of another machine has another host, and a page without an origin (`null`) has none. */
export function isLoopbackOrigin(origin: string): boolean {
  if (!URL.canParse(origin)) return false
  const { protocol, hostname } = new URL(origin)
  if (protocol !== 'http:' && protocol !== 'https:') return false
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}

/** A list to read and to show, which also includes every page of this machine. */
export function withLoopback(listed: readonly string[]): readonly string[] {
  return Object.assign([...listed], { includes: (origin: string) => listed.includes(origin) || isLoopbackOrigin(origin) })
}

/** The demo page's own origins if it is opened from elsewhere: at `host`, or at each address of this machine if `host` stands for all. */
export function ownOrigins(scheme: string, host: string, port: string): readonly string[] {
  const all = host === '0.0.0.0' || host === '::' || host === '[::]'
  const hosts = all ? Object.values(networkInterfaces()).flatMap((one) => (one ?? []).map(({ address }) => address.replace(/%.*/, ''))) : [host]
  return hosts.map((one) => `${scheme}://${one.includes(':') && !one.startsWith('[') ? `[${one}]` : one}:${port}`)
}
