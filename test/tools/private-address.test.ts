// Private, local and translated addresses are recognised, and a name resolves only to what was checked.
import type { lookup } from 'node:dns'
import { describe, expect, it } from 'vitest'
import { isPrivateAddress, publicOnlyLookup } from '../../src/tools/private-address.js'

describe('isPrivateAddress', () => {
  it.each(
    '127.0.0.1 127.255.0.9 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 198.18.0.1 ::1 :: ::ffff:10.0.0.1 ::ffff:7f00:1 [::1] fe80::1%eth0 fd00::1 fc00::1 ff02::1 64:ff9b::7f00:1 2002:7f00:1:: 2001:0:1::1 not-an-address'.split(
      ' ',
    ),
  )('%s is', (address) => {
    expect(isPrivateAddress(address)).toBe(true)
  })
  it.each('8.8.8.8 172.32.0.1 172.15.255.255 100.128.0.1 1.1.1.1 2606:4700:4700::1111 [2a00:1450:4001::1]'.split(' '))('%s is not', (address) => {
    expect(isPrivateAddress(address)).toBe(false)
  })
})

describe('publicOnlyLookup', () => {
  const resolving = (...addresses: string[]) =>
    publicOnlyLookup(((_host: string, _options: object, callback: (error: null, found: object[]) => void) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      )) as unknown as typeof lookup)
  const ask = (looker: ReturnType<typeof publicOnlyLookup>, all: boolean) =>
    new Promise<unknown>((resolve) => looker('tool.example', { all }, (error, address, family) => resolve(error ? error.message : { address, family })))

  it('hands on what it checked, in the shape that was asked for', async () => {
    expect(await ask(resolving('8.8.8.8', '1.1.1.1'), false)).toEqual({ address: '8.8.8.8', family: 4 })
    expect(await ask(resolving('8.8.8.8'), true)).toEqual({ address: [{ address: '8.8.8.8', family: 4 }], family: undefined })
  })
  it('refuses all when one is private, and an empty answer', async () => {
    expect(await ask(resolving('8.8.8.8', '10.0.0.1'), true)).toBe('private address')
    expect(await ask(resolving(), true)).toBe('no address')
  })
})
