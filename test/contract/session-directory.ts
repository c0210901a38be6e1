// The contract of every SessionDirectory, run against each implementation.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EndTarget, SessionRecord } from '../../src/ports/directory.js'
import type { LimitStore } from '../../src/ports/store.js'

const SINCE = Date.UTC(2026, 10, 25, 12)

/** `open` returns a store that is ready; `closed` runs after each test. */
export function sessionDirectoryContract(name: string, open: () => Promise<LimitStore>): void {
  describe(`SessionDirectory contract: ${name}`, () => {
    let store: LimitStore
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

    it('shows a whole session until it is over, with any names', async () => {
      expect(await store.directory.page(10)).toEqual({ sessions: [], next: undefined })
      const odd = session('s1', { subject: 'é}{ %20\n\u0000\ud800', tenant: 'a:b', profile: '{}', deployment: 'd ~ d' })
      const hide = store.directory.show(odd)
      await eventually(async () => expect(await store.directory.page(10)).toEqual({ sessions: [{ ...odd, relay: expect.stringMatching(/^\S+$/) }], next: undefined }))
      hide()
      hide()
      await eventually(async () => expect(await ids()).toEqual([]))
    })

    it('pages through sessions oldest first, each exactly once, while others come and go', async () => {
      const hides = new Map(
        Array.from({ length: 25 }, (_, n) => [
          `s${String(n).padStart(2, '0')}`,
          store.directory.show(session(`s${String(n).padStart(2, '0')}`, { since: SINCE + Math.floor(n / 10) })),
        ]),
      )
      await eventually(async () => expect(await ids()).toEqual([...hides.keys()]))
      const first = await store.directory.page(10)
      expect(first.sessions).toHaveLength(10)
      // The one that the page ended with, and one of the next page.
      hides.get('s09')?.()
      hides.get('s12')?.()
      store.directory.show(session('s00a', { since: SINCE }))
      await eventually(async () => expect(await ids()).toContain('s00a'))
      const second = await store.directory.page(10, first.next)
      const third = await store.directory.page(10, second.next)
      expect([...second.sessions, ...third.sessions].map(({ id }) => id)).toEqual([...hides.keys()].slice(10).filter((id) => id !== 's12'))
      expect([second.next, third.next]).toEqual([expect.any(String), undefined])
    })

    it('has no page beyond the last, even if that is full', async () => {
      for (const id of ['a', 'b']) store.directory.show(session(id))
      await eventually(async () => expect(await ids()).toEqual(['a', 'b']))
      expect((await store.directory.page(2)).next).toBeUndefined()
    })

    it.each(['', 'abc', 'a'.repeat(2000), Buffer.from('x 12 y').toString('base64url'), Buffer.from('relay 000000000000001 idx').toString('base64')])(
      'refuses the cursor %j',
      async (cursor) => {
        await expect(store.directory.page(10, cursor)).rejects.toThrow(RangeError)
      },
    )

    it('ends the sessions it is asked to and says how many', async () => {
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
