// Private, local and translated addresses are recognised.
import { describe, expect, it } from 'vitest'
import { isPrivateAddress } from '../../src/tools/private-address.js'

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
