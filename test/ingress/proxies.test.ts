// One form for an address, who counts as a caller behind trusted proxies, and which origins are the relay's own.
import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { addressGroup, normalAddress } from '../../src/ingress/address.js'
import { originOf, trustedProxies } from '../../src/ingress/proxies.js'

const request = (peer: string | undefined, headers: Record<string, string[]> = {}, encrypted?: boolean): IncomingMessage =>
  ({ socket: { remoteAddress: peer, encrypted }, headersDistinct: headers }) as unknown as IncomingMessage

describe('a normal address', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    [' 1.2.3.4 ', '1.2.3.4'],
    ['1.2.3.4:5678', '1.2.3.4'],
    ['"1.2.3.4:5678"', '1.2.3.4'],
    ['[1.2.3.4]', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::FFFF:102:304', '1.2.3.4'],
    ['0:0:0:0:0:ffff:1.2.3.4', '1.2.3.4'],
    ['[::ffff:1.2.3.4]:443', '1.2.3.4'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['"[2001:db8::1]:443"', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]:80', 'fe80::1'],
    ['::', '::'],
  ])('of %j is %s', (text, address) => {
    expect(normalAddress(text)).toBe(address)
    expect(normalAddress(address)).toBe(address)
  })

  it.each([
    '',
    'unknown',
    '_hidden',
    '1.2.3',
    '01.2.3.4',
    '1.2.3.4.5',
    '256.1.1.1',
    '1.2.3.4:x',
    '[2001:db8::1',
    '2001:db8::1::2',
    'relay.example',
    '0x7f000001',
    'a'.repeat(40_000),
  ])('is not in %j', (text) => {
    expect(normalAddress(text)).toBeUndefined()
  })
})

it.each([
  ['1.2.3.4', '1.2.3.4'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
  ['2001:db8::1:1:1:1:1', '2001:db8:0:1::/64'],
  ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::1.2.3.4', '0:0:0:0::/64'],
])('%s counts as %s', (address, group) => {
  expect(addressGroup(address)).toBe(group)
})

describe('the caller', () => {
  it.each<[string, string | boolean | undefined, string, string[], string]>([
    ['no proxy is trusted', undefined, '10.0.0.1', ['1.2.3.4'], '10.0.0.1'],
    ['false', false, '10.0.0.1', ['1.2.3.4'], '10.0.0.1'],
    ['the peer is no trusted proxy', '10.0.0.0/8', '9.9.9.9', ['1.2.3.4'], '9.9.9.9'],
    ['a trusted proxy', '10.0.0.0/8', '10.0.0.1', ['1.2.3.4'], '1.2.3.4'],
    ['a trusted proxy, as a mapped address', '10.0.0.0/8', '::ffff:10.0.0.1', ['1.2.3.4'], '1.2.3.4'],
    ['a range of mapped addresses', '::ffff:10.0.0.0/104', '10.0.0.1', ['1.2.3.4'], '1.2.3.4'],
    ['one mapped address', '::ffff:10.0.0.1', '10.0.0.1', ['1.2.3.4'], '1.2.3.4'],
    ['the last hop that is not trusted', '10.0.0.0/8', '10.0.0.1', ['6.6.6.6, 1.2.3.4, 10.0.0.2'], '1.2.3.4'],
    ['several headers', '10.0.0.0/8', '10.0.0.1', ['6.6.6.6', '1.2.3.4', '10.0.0.2'], '1.2.3.4'],
    ['true: the first of all', true, '10.0.0.1', ['1.2.3.4, 5.6.7.8'], '1.2.3.4'],
    ['loopback', 'loopback', '::1', ['[2001:DB8::1]:443'], '2001:db8::1'],
    ['linklocal', 'linklocal', 'fe80::1%eth0', ['::ffff:1.2.3.4'], '1.2.3.4'],
    ['uniquelocal', '203.0.113.7,uniquelocal', '192.168.1.1', ['1.2.3.4:9'], '1.2.3.4'],
    ['an IPv6 range', 'fd00::/8', 'fd12::1', ['1.2.3.4'], '1.2.3.4'],
    ['no address: the proxy’s own', '10.0.0.0/8', '10.0.0.1', ['unknown'], '10.0.0.1'],
    ['no address before a hop: that hop', true, '10.0.0.1', ['evil\u0000, 1.2.3.4'], '1.2.3.4'],
    ['an empty header', '10.0.0.0/8', '10.0.0.1', [''], '10.0.0.1'],
    ['no header', '10.0.0.0/8', '10.0.0.1', [], '10.0.0.1'],
  ])('%s', (_name, setting, peer, hops, caller) => {
    expect(trustedProxies(setting).callerOf(request(peer, { 'x-forwarded-for': hops }))).toBe(caller)
  })

  it('of a socket that is closed is unknown', () => {
    expect(trustedProxies(undefined).callerOf(request(undefined))).toBe('unknown')
  })
})

describe('the relay’s own origins', () => {
  const origins = (setting: string | undefined, headers: Record<string, string[]>, encrypted?: boolean) =>
    trustedProxies(setting).ownOrigins(request('10.0.0.1', headers, encrypted))
  const forwarded = { host: ['relay:8080'], 'x-forwarded-host': ['voice.example'], 'x-forwarded-proto': ['https'] }

  it.each<[string, readonly string[], readonly string[]]>([
    ['plain', origins(undefined, { host: ['Relay.example:8080'] }), ['http://relay.example:8080', 'https://relay.example:8080']],
    ['default ports are left out', origins(undefined, { host: ['relay.example:443'] }), ['http://relay.example:443', 'https://relay.example']],
    ['TLS', origins(undefined, { host: ['relay.example'] }, true), ['https://relay.example']],
    ['headers of nobody trusted', origins(undefined, forwarded), ['http://relay:8080', 'https://relay:8080']],
    ['headers of a trusted proxy', origins('10.0.0.0/8', forwarded), ['https://relay:8080', 'https://voice.example']],
    ['no host', origins(undefined, {}), []],
    ['two hosts', origins(undefined, { host: ['a', 'b'] }), []],
    ['a host that is none', origins(undefined, { host: ['a/b?c@d'] }), []],
  ])('%s', (_name, own, expected) => {
    expect(own).toEqual(expected)
  })

  it.each([
    ['https://relay.example:443', 'https://relay.example'],
    ['https://RELAY.example', 'https://relay.example'],
    ['https://relay.example/', undefined],
    ['https://user@relay.example', undefined],
    ['file://', undefined],
    ['null', undefined],
  ])('reads %s as %s', (text, origin) => {
    expect(originOf(text)).toBe(origin)
  })
})
