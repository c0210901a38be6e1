// Says which addresses are private, and resolves a host name only to addresses that are not.
import { lookup as systemLookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

// IANA special-purpose registries (RFC 6890 and its updates): nothing in these ranges is a host on the public internet.
const V4 =
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4'
// Tunnels and translations (::ffff:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48, 2001::/32, 2002::/16) count as private: each can carry a private IPv4 address.
const V6 = '::/96 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8'

// Two lists: in one, the mapped range ::ffff:0:0/96 would match every IPv4 address.
const blocked = { ipv4: listOf(V4, 'ipv4'), ipv6: listOf(V6, 'ipv6') }

function listOf(ranges: string, family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList()
  for (const range of ranges.split(' ')) {
    const [address = '', prefix = ''] = range.split('/')
    list.addSubnet(address, Number(prefix), family)
  }
  return list
}

/** True for anything that is not an address too. Brackets around IPv6 are accepted. */
export function isPrivateAddress(address: string): boolean {
  const bare = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  const family = isIP(bare)
  return family === 0 || (family === 4 ? blocked.ipv4.check(bare, 'ipv4') : blocked.ipv6.check(bare, 'ipv6'))
}

/**
 * A resolver for a connection: what it checked is what gets connected to, so that a name which changes its answer in between gains nothing.
 * One private address among the answers refuses them all.
 */
export function publicOnlyLookup(resolve: typeof systemLookup = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { family: options.family ?? 0, hints: options.hints ?? 0, all: true }, (error, addresses) => {
      const first = addresses?.[0]
      if (error || !first) return callback(error ?? new Error('no address'), '', 0)
      if (addresses.some(({ address }) => isPrivateAddress(address))) return callback(new Error('private address'), '', 0)
      if (options.all) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}
