// A name resolves only to checked addresses, and simultaneous look-ups share one request to the resolver.
import type { lookup } from 'node:dns'
import { describe, expect, it } from 'vitest'
import { createPublicLookup, createSharedLookup } from '../../src/tools/host-lookup.js'

type Done = (error: Error | null, addresses?: { address: string; family: number }[]) => void

/** A resolver that answers when the test lets it. */
function heldResolver() {
  const asked: Done[] = []
  const resolve = ((_host: string, _options: object, done: Done) => void asked.push(done)) as unknown as typeof lookup
  return { asked, shared: createSharedLookup(resolve) }
}

const ask = (looker: ReturnType<typeof createSharedLookup>, all: boolean, host = 'tool.example') =>
  new Promise<unknown>((resolve) => looker(host, { all }, (error, address, family) => resolve(error ? error.message : { address, family })))
const found = (...addresses: string[]) => addresses.map((address) => ({ address, family: 4 }))

describe('createSharedLookup', () => {
  it('asks once for all waiting callers, again afterwards, and separately for another name', async () => {
    const { asked, shared } = heldResolver()
    const first = [ask(shared, true), ask(shared, false), ask(shared, true)]
    const other = ask(shared, true, 'other.example')
    expect(asked.length).toBe(2)
    asked[0]?.(null, found('8.8.8.8', '1.1.1.1'))
    asked[1]?.(new Error('ENOTFOUND'))
    const all = { address: found('8.8.8.8', '1.1.1.1'), family: undefined }
    expect(await Promise.all(first)).toEqual([all, { address: '8.8.8.8', family: 4 }, all])
    expect(await other).toBe('ENOTFOUND')
    const again = ask(shared, false)
    asked[2]?.(null, [])
    expect(await again).toBe('no address')
  })
})

describe('createPublicLookup', () => {
  const answering = async (addresses: string[], all: boolean) => {
    const { asked, shared } = heldResolver()
    const answer = ask(createPublicLookup(shared), all)
    asked[0]?.(null, found(...addresses))
    return answer
  }
  it('returns the checked addresses in the requested shape', async () => {
    expect(await answering(['8.8.8.8', '1.1.1.1'], false)).toEqual({ address: '8.8.8.8', family: 4 })
    expect(await answering(['8.8.8.8'], true)).toEqual({ address: found('8.8.8.8'), family: undefined })
  })
  it('refuses all addresses if one is private, and an empty answer', async () => {
    expect(await answering(['8.8.8.8', '10.0.0.1'], true)).toBe('private address')
    expect(await answering(['8.8.8.8', '10.0.0.1'], false)).toBe('private address')
    expect(await answering([], true)).toBe('no address')
  })
  it('passes an error on', async () => {
    const { asked, shared } = heldResolver()
    const answer = ask(createPublicLookup(shared), true)
    asked[0]?.(new Error('EAI_AGAIN'))
    expect(await answer).toBe('EAI_AGAIN')
  })
})
