// The contract of every kind of guard, run against patterns, http, module and azure.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Guard } from '../../src/ports/guards.js'
import { contextOf, input, output } from '../guards/guard-lab.js'
import { SECRET_WORDS } from '../guards/hostile-http.js'

export interface GuardFixture {
  readonly guard: Guard
  /** Texts at which the guard's back end gives no answer, or none that can be used. */
  readonly failing: readonly string[]
  /** A text at which it never answers. Absent: it cannot. */
  readonly endless?: string
  /** Resolves once a back end has noticed that nobody waits any more. */
  readonly noticed?: () => Promise<void>
  readonly close: () => Promise<void>
}

/** It blocks what has "kill" in it, and nothing else of these texts. */
export function guardContract(title: string, open: () => Promise<GuardFixture>): void {
  describe(title, () => {
    let fixture: GuardFixture
    const check = (text: string, signal?: AbortSignal) => fixture.guard.check(input(text), contextOf(signal))
    beforeAll(async () => {
      fixture = await open()
    })
    afterAll(async () => {
      await fixture.guard.close()
      await fixture.close()
    })

    it('passes what is harmless, in any script and of any length', async () => {
      for (const text of ['Good morning.', 'Grüße, 東京 🎧 "quoted"\n\u0007', '', 'x'.repeat(8192)]) expect(await check(text), text.slice(0, 20)).toEqual({ type: 'pass' })
    })

    it('blocks what is not, with a category, on either side', async () => {
      expect(await check('I will kill it.')).toMatchObject({ type: 'block', category: expect.stringMatching(/^\w+$/) })
      expect(await fixture.guard.check(output('I will kill it.'), contextOf())).toMatchObject({ type: 'block' })
    })

    it('keeps many questions apart', async () => {
      const asked = Array.from({ length: 40 }, (_, index) => (index % 3 === 0 ? `kill ${index}` : `feed ${index}`))
      const answers = await Promise.all(asked.map((text) => check(text)))
      expect(answers.map(({ type }) => type)).toEqual(asked.map((text) => (text.startsWith('kill') ? 'block' : 'pass')))
    })

    it('never takes an answer that it cannot read for a pass, and repeats none of its words', async () => {
      for (const text of fixture.failing) {
        const error = await check(text).then(
          (answer) => expect.fail(`${text} was answered: ${JSON.stringify(answer)}`),
          (reason: unknown) => reason,
        )
        expect(error, text).toBeInstanceOf(Error)
        expect(String(error), text).not.toContain(SECRET_WORDS)
      }
      expect(await check('Good morning.')).toEqual({ type: 'pass' })
    })

    it('ends a question that is given up, and tells its back end', async () => {
      const { endless, noticed } = fixture
      if (endless === undefined || !noticed) return expect(fixture.guard.isLocal).toBe(true)
      const controller = new AbortController()
      const asked = check(endless, controller.signal)
      asked.catch(() => undefined)
      expect(await check('Good morning.')).toEqual({ type: 'pass' })
      controller.abort()
      await expect(asked).rejects.toBeDefined()
      await noticed()
    })

    it('is healthy; closing it twice does no harm', async () => {
      expect((await fixture.guard.health()).status).toBe('ok')
      await fixture.guard.close()
      await fixture.guard.close()
    })
  })
}
