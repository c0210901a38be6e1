// What every SessionDirectory must do: list live sessions in pages, and end them.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EndTarget, SessionRecord } from '../../../src/ports/directory.js'
import type { Store } from '../../../src/ports/store.js'

const SINCE = Date.UTC(2026, 10, 25, 12)

/** `open` resolves to a new, connected store. The suite closes it after each test. */
export function sessionDirectoryContract(name: string, open: () => Promise<Store>): void {
  describe(`SessionDirectory contract: ${name}`, () => {
    let store: Store
    beforeEach(async () => {
      store = await open()
    })
    afterEach(() => store.close(2_000))

    const session = (id: string, over: Partial<SessionRecord> = {}) => ({
      id,
      subject: 'alice',
      tenant: undefined,
      profile: 'default',
      dialect: 'ga' as const,
      deployment: 'dep',
      since: SINCE,
      ...over,
    })
    const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 5_000, interval: 10 })
    const ids = async (limit = 100) => (await store.directory.page(limit)).sessions.map(({ id }) => id)

    it('lists every field of a session until it ends, whatever characters it holds', async () => {
      expect(await store.directory.page(10)).toEqual({ sessions: [], next: undefined })
      const odd = session('s1', {
        subject: 'é}{ %20\n\u0000\ud800',
        tenant: 'a:b',
        profile: '{}',
        deployment: 'd ~ d',
        call: 'shared',
        history: { legs: 3, losses: 2, restores: 1, rollovers: 1 },
      })
      const unregister = store.directory.register(odd)
      await eventually(async () => expect(await store.directory.page(10)).toEqual({ sessions: [{ ...odd, instance: expect.stringMatching(/^\S+$/) }], next: undefined }))
      unregister()
      unregister()
      await eventually(async () => expect(await ids()).toEqual([]))
    })

    it('pages through sessions, oldest first, without repeats or gaps while others begin and end', async () => {
      const registered = new Map(
        Array.from({ length: 25 }, (_, n) => [
          `s${String(n).padStart(2, '0')}`,
          store.directory.register(session(`s${String(n).padStart(2, '0')}`, { since: SINCE + Math.floor(n / 10) })),
        ]),
      )
      await eventually(async () => expect(await ids()).toEqual([...registered.keys()]))
      const first = await store.directory.page(10)
      expect(first.sessions).toHaveLength(10)
      // The last session of the first page, and one of the second.
      registered.get('s09')?.()
      registered.get('s12')?.()
      store.directory.register(session('s00a', { since: SINCE }))
      await eventually(async () => expect(await ids()).toContain('s00a'))
      const second = await store.directory.page(10, first.next)
      const third = await store.directory.page(10, second.next)
      expect([...second.sessions, ...third.sessions].map(({ id }) => id)).toEqual([...registered.keys()].slice(10).filter((id) => id !== 's12'))
      expect([second.next, third.next]).toEqual([expect.any(String), undefined])
    })

    it('has no page after the last, even if the last is full', async () => {
      for (const id of ['a', 'b']) store.directory.register(session(id))
      await eventually(async () => expect(await ids()).toEqual(['a', 'b']))
      expect((await store.directory.page(2)).next).toBeUndefined()
    })

    it.each(['', 'abc', 'a'.repeat(2000), Buffer.from('x 12 y').toString('base64url'), Buffer.from('relay 000000000000001 idx').toString('base64')])(
      'refuses the cursor %j',
      async (cursor) => {
        await expect(store.directory.page(10, cursor)).rejects.toThrow(RangeError)
      },
    )

    it('ends the sessions that the callback finds, and says how many', async () => {
      expect(await store.directory.end({ subject: 'alice' })).toEqual({ ended: 0, asked: 1, answered: 1, everywhere: true })
      const targets: EndTarget[] = []
      store.directory.onEnd((target) => targets.push(target))
      expect(await store.directory.end({ sessionId: 's1' })).toEqual({ ended: 1, asked: 1, answered: 1, everywhere: true })
      expect(await store.directory.end({ subject: 'bob' })).toMatchObject({ ended: 2 })
      expect(targets).toEqual([{ sessionId: 's1' }, { subject: 'bob' }])
      store.directory.onEnd(() => {
        throw new Error('of its own mind')
      })
      expect(await store.directory.end({ subject: 'bob' })).toMatchObject({ ended: 0 })
    })
  })
}
