// Which instance has a session, on a real Redis: one at a time, whoever claimed last, and never without the right proof.
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { SessionKeeper } from '../../src/ports/keeper.js'
import type { Store } from '../../src/ports/store.js'
import { createRedisStore } from '../../src/store/redis/store.js'
import { uniquePrefix } from '../support/redis.js'

const url = process.env.REDIS_URL ?? ''
const raw = new Redis(url)
afterAll(() => raw.disconnect())

const ID = 'i'.repeat(22)
const proof = (letter: string) => letter.repeat(64)
const kept = { id: ID, epoch: 1, subject: 'ab12', proofs: [proof('a'), proof('b')] }
const claim = { id: ID, proof: proof('b'), subject: 'ab12' }
let prefix: string
let stores: Store[]
let [a, b, c] = [] as unknown as [SessionKeeper, SessionKeeper, SessionKeeper]

beforeEach(async () => {
  prefix = uniquePrefix()
  stores = ['a', 'b', 'c'].map((instance) => createRedisStore({ url: new Secret(url), keyPrefix: prefix, usageRetentionDays: 1, instance, keptMs: 5000 }))
  for (const store of stores) await vi.waitFor(async () => expect(await store.health()).toMatchObject({ status: 'ok' }))
  ;[a, b, c] = stores.map(({ keeper }) => keeper) as [SessionKeeper, SessionKeeper, SessionKeeper]
})
afterEach(() => Promise.all(stores.map((store) => store.close(1000))))

describe('a session', () => {
  it('is claimed with a right proof by its caller, each time under a higher epoch, and its owner before has it no more', async () => {
    expect(await a.keep(kept, 1000)).toBe(true)
    expect(await b.claim(claim)).toEqual({ owner: 'a', before: 'a', epoch: 2, leftAs: undefined })
    expect(await a.keep(kept, 1000)).toBe(false)
    expect(await c.claim({ ...claim, proof: proof('a') })).toEqual({ owner: 'b', before: 'a', epoch: 3, leftAs: undefined })
    expect(await b.keep({ ...kept, epoch: 2 }, 1000)).toBe(false)
    expect(await c.keep({ ...kept, epoch: 3, proofs: [proof('c')] }, 1000)).toBe(true)
    expect(await a.claim(claim)).toBeUndefined()
  })

  it.each([
    ['another proof', { ...claim, proof: proof('c') }],
    ['a part of a proof', { ...claim, proof: 'a'.repeat(10) }],
    ['nothing for a proof', { ...claim, proof: '' }],
    ['another caller', { ...claim, subject: 'cd34' }],
    ['another id', { ...claim, id: 'j'.repeat(22) }],
  ])('is not claimed with %s', async (_what, wrong) => {
    await a.keep(kept, 1000)
    expect(await b.claim(wrong)).toBeUndefined()
    expect(await a.keep(kept, 1000)).toBe(true)
  })

  it('is known for a while after its owner was last heard of, and goes with it', async () => {
    await a.keep(kept, 1000, Buffer.from('snapshot'))
    for (const key of ['', ':snapshot']) expect(await raw.pttl(`${prefix}resume:{${ID}}${key}`)).toBeGreaterThan(4000)
    a.drop(ID, 1)
    await vi.waitFor(async () => expect(await raw.keys(`${prefix}resume*`)).toEqual([]))
  })

  it('that has gone elsewhere is not dropped by whom it left', async () => {
    await a.keep(kept, 1000)
    await b.claim(claim)
    a.drop(ID, 1)
    expect(await c.claim(claim)).toMatchObject({ owner: 'b' })
  })

  it('is written again if Redis has lost it, unless another instance has', async () => {
    await b.keep({ ...kept, epoch: 2 }, 1000)
    await raw.del(`${prefix}resume:{${ID}}`)
    expect(await a.keep(kept, 1000)).toBe(true)
    expect(await b.keep({ ...kept, epoch: 2 }, 1000)).toBe(true)
    expect(await a.keep(kept, 1000)).toBe(false)
    expect(await c.keep({ ...kept, epoch: 2 }, 1000)).toBe(false)
  })
})

describe('a session that is handed over', () => {
  it('is asked for by message, and taken once by whom it is for', async () => {
    const heard = vi.fn()
    a.onAsked(heard)
    b.onAsked(() => expect.unreachable())
    await a.keep(kept, 1000)
    await b.claim(claim)
    const asked = { id: ID, epoch: 2, received: 7 }
    await vi.waitFor(async () => expect(await b.ask('a', asked)).toBe(true))
    await vi.waitFor(() => expect(heard).toHaveBeenCalledWith(asked))
    expect(await b.take(ID, 2)).toBeUndefined()
    await a.hand(asked, Buffer.from([0, 255, 1]))
    expect(await c.take(ID, 3)).toBeUndefined()
    expect(await b.take(ID, 2)).toEqual(Buffer.from([0, 255, 1]))
    expect(await b.take(ID, 2)).toBeUndefined()
  })

  it('goes to the one that asked although another has claimed since, and not to one that never did', async () => {
    await a.keep(kept, 1000)
    await b.claim(claim)
    await c.claim(claim)
    await a.hand({ id: ID, epoch: 2, received: 0 }, Buffer.from('two'))
    await a.hand({ id: ID, epoch: 4, received: 0 }, Buffer.from('four'))
    expect(await b.take(ID, 2)).toEqual(Buffer.from('two'))
    expect(await b.take(ID, 4)).toBeUndefined()
  })

  it('is not asked for at an instance that is gone', async () => {
    expect(await b.ask('nobody', { id: ID, epoch: 2, received: 0 })).toBe(false)
  })

  it('lies for a minute', async () => {
    await a.keep(kept, 1000)
    await a.hand({ id: ID, epoch: 1, received: 0 }, Buffer.from('x'))
    const ttl = await raw.pttl(`${prefix}resume:{${ID}}:export:1`)
    expect(ttl).toBeGreaterThan(50_000)
    expect(ttl).toBeLessThanOrEqual(60_000)
  })
})

describe('a session that is left', () => {
  it('has no owner, and is taken by whoever claims it', async () => {
    await a.keep(kept, 1000)
    expect(await a.leave(kept, Buffer.from('left'))).toBe(true)
    const claimed = await b.claim(claim)
    expect(claimed).toEqual({ owner: '', before: '', epoch: 3, leftAs: 2 })
    expect(await b.take(ID, claimed?.leftAs ?? 0)).toEqual(Buffer.from('left'))
    expect(await b.claim(claim)).toEqual({ owner: 'b', before: '', epoch: 4, leftAs: undefined })
  })

  it('may be left although Redis has lost it, and not if another instance has it', async () => {
    expect(await a.leave(kept, Buffer.from('left'))).toBe(true)
    expect(await b.claim(claim)).toMatchObject({ leftAs: 2 })
    expect(await a.leave(kept, Buffer.from('again'))).toBe(false)
    expect(await b.take(ID, 2)).toEqual(Buffer.from('left'))
  })
})

describe('a snapshot', () => {
  it('is replaced by the next one, kept by a word without one, and taken once', async () => {
    await a.keep(kept, 1000, Buffer.from('one'))
    await a.keep(kept, 1000, Buffer.from('two'))
    await a.keep(kept, 1000)
    await b.claim(claim)
    expect(await a.keep(kept, 1000, Buffer.from('late'))).toBe(false)
    expect(await b.takeSnapshot(ID)).toEqual(Buffer.from('two'))
    expect(await b.takeSnapshot(ID)).toBeUndefined()
  })
})
