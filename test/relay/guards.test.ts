// Guards on the wire: what is held reaches the client in order once it is cleared, or never; slow, dead, lying and flooding guards end nothing.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { GuardMode, ProfileGuard } from '../../src/core/policy/guards.js'
import type { GuardAnswer, GuardOutcome, GuardQuestion, GuardSet } from '../../src/ports/guards.js'
import { settle } from '../support/memory-link.js'
import { ev, updated } from '../support/playbook.js'
import { type Lab, type LabOptions, openLab } from '../support/relay-lab.js'

afterEach(() => {
  vi.useRealTimers()
})

const PASS: GuardAnswer = { type: 'pass' }
const SENTENCE = 'This is a sentence that is long enough to be asked about at once.'

interface Question extends GuardQuestion {
  readonly name: string
  readonly signal: AbortSignal
  answer(answer: GuardOutcome['answer']): void
  fail(): void
}

interface Guarded extends Lab {
  readonly asked: Question[]
  begins(responseId: string): void
  words(responseId: string, text: string): void
  sound(responseId: string, bytes?: number): string
  /** Types that reached the client; of deltas with the response. */
  heard(): Promise<readonly string[]>
}

async function guarded(
  guards: readonly Partial<ProfileGuard>[],
  answer?: (question: GuardQuestion) => GuardOutcome['answer'] | 'never',
  options: LabOptions = {},
): Promise<Guarded> {
  const asked: Question[] = []
  const set: GuardSet = {
    ask: (name, question, { signal }) =>
      new Promise((resolve, reject) => {
        const found = answer?.(question)
        if (found === undefined) asked.push({ ...question, name, signal, answer: (said) => resolve({ answer: said, durationMs: 1 }), fail: () => reject(new Error('boom')) })
        else if (found !== 'never') resolve({ answer: found, durationMs: 1 })
      }),
  }
  const all = guards.map((one, at): ProfileGuard => ({ name: `guard_${at}`, on: ['output'], mode: 'hold', whenUnsure: 'block', ...one }))
  const lab = openLab({ ...options, guards: set, profile: { tools: [], relayEvents: true, guards: { guards: all, tellsModel: false, maxBlocks: 5 }, ...options.profile } })
  await lab.live()
  const place = (responseId: string) => ({ event_id: 'e', response_id: responseId, item_id: `m_${responseId}`, output_index: 0, content_index: 0 })
  return Object.assign(lab, {
    asked,
    begins(responseId: string) {
      const item = { ...ev.message(`m_${responseId}`), status: 'in_progress', content: [] }
      lab.upstream.say(ev.created(responseId))
      lab.upstream.say(ev.itemAdded(responseId, item))
      lab.upstream.say(ev.added(item))
    },
    words: (responseId: string, delta: string) => void lab.upstream.say({ type: 'response.output_audio_transcript.delta', ...place(responseId), delta }),
    sound: (responseId: string, bytes = 480) => lab.upstream.say({ type: 'response.output_audio.delta', ...place(responseId), delta: Buffer.alloc(bytes).toString('base64') }),
    async heard() {
      return (await lab.client.rest()).map((text) => {
        const event = JSON.parse(text) as { type: string; response_id?: string }
        return event.type.endsWith('.delta') ? `${event.type.includes('transcript') ? 'words' : 'sound'} ${event.response_id}` : event.type
      })
    },
  })
}

const BEGUN = ['response.created', 'response.output_item.added', 'conversation.item.added']

describe('an answer that is held', () => {
  it('is heard in its order once its words are cleared; sound before words waits', async () => {
    const one = await guarded([{}])
    one.begins('r1')
    one.sound('r1')
    one.words('r1', SENTENCE)
    one.sound('r1')
    one.words('r1', 'a')
    one.sound('r1')
    expect(await one.heard()).toEqual(BEGUN)
    one.asked.shift()?.answer(PASS)
    await settle()
    expect(await one.heard()).toEqual(['sound r1', 'words r1', 'sound r1'])
    one.upstream.say(ev.done('r1', [ev.message('m_r1', `${SENTENCE}a`)]))
    expect(await one.heard()).toEqual([])
    one.asked.shift()?.answer(PASS)
    expect(await one.heard()).toEqual(['words r1', 'sound r1', 'response.done'])
  })

  it('reaches the client byte for byte as without guards', async () => {
    const one = await guarded([{}], () => PASS)
    one.begins('r1')
    one.words('r1', SENTENCE)
    await one.client.rest()
    const frame = one.sound('r1')
    expect(await one.client.rest()).toEqual([frame])
  })

  it('and is blocked, is not heard: the client sees it cancelled, and late sound goes nowhere', async () => {
    const one = await guarded([{}])
    one.begins('r1')
    one.words('r1', SENTENCE)
    one.sound('r1')
    await one.heard()
    one.asked.shift()?.answer({ type: 'block', category: 'Not A Word!' })
    await settle()
    one.sound('r1')
    one.words('r1', 'more')
    one.upstream.say(ev.done('r1', [ev.message('m_r1', SENTENCE)], 'cancelled'))
    const texts = await one.client.rest()
    expect(texts.map((text) => JSON.parse(text).type)).toEqual(['relay.blocked', 'response.done'])
    expect(texts.join()).not.toContain('sentence')
    expect(texts[0]).toContain('"category":"other"')
    expect((await one.upstream.types()).filter((type) => type !== 'session.update')).toEqual(['response.cancel', 'conversation.item.delete'])
  })

  it('lets speech and errors through, and keeps the next answer behind it', async () => {
    const one = await guarded([{}])
    one.begins('r1')
    one.words('r1', SENTENCE)
    one.upstream.say(ev.done('r1', [ev.message('m_r1', SENTENCE)]))
    one.begins('r2')
    one.upstream.say({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'u1', audio_start_ms: 0 })
    expect(await one.heard()).toEqual([...BEGUN, 'input_audio_buffer.speech_started'])
    one.asked.shift()?.answer(PASS)
    expect(await one.heard()).toEqual(['words r1', 'response.done', ...BEGUN])
  })

  it.each([
    ['pass', 'sound r1'],
    ['block', 'relay.blocked'],
  ] as const)('of more than two megabytes is %sed as is said for no verdict', async (whenUnsure, last) => {
    const one = await guarded([{ whenUnsure }], () => 'never', { settings: { bufferBytes: 64 * 1024 * 1024 } })
    one.begins('r1')
    one.words('r1', SENTENCE)
    await one.heard()
    for (let at = 0; at < 34; at++) one.sound('r1', 48_000)
    const heard = await one.heard()
    expect(heard.at(-1)).toBe(last)
    expect(heard.filter((line) => line === 'sound r1')).toHaveLength(whenUnsure === 'pass' ? 34 : 0)
    expect(one.noted('guard_failed')).toEqual([{ type: 'guard_failed', guard: 'guard_0', why: 'gate_full' }])
  })
})

describe('a guard that', () => {
  const cases: readonly (readonly [string, GuardMode, (question: Question | undefined) => void])[] = [
    ['rejects', 'hold', (question) => question?.fail()],
    ['has no answer', 'hold', (question) => question?.answer({ type: 'none', why: 'breaker_open' })],
    ['rejects while words flow', 'cut', (question) => question?.fail()],
  ]
  it.each(cases)('%s counts as unsure', async (_, mode, act) => {
    const one = await guarded([{ mode }])
    one.begins('r1')
    one.words('r1', SENTENCE)
    await settle()
    act(one.asked.shift())
    expect(await one.heard()).toContain('relay.blocked')
    expect(one.noted('guard_failed')).toHaveLength(1)
  })

  it('never answers is not waited for for ever', async () => {
    const one = await guarded([{}], () => 'never')
    one.begins('r1')
    one.words('r1', SENTENCE)
    await settle()
    await one.pass(16_000)
    expect(await one.heard()).toContain('relay.blocked')
  })

  it('is still asked when the session ends is aborted', async () => {
    const one = await guarded([{}])
    one.begins('r1')
    one.words('r1', SENTENCE)
    await settle()
    one.client.close(1000)
    await settle()
    one.upstream.say(ev.done('r1', [], 'cancelled'))
    await settle()
    expect(one.asked[0]?.signal.aborted).toBe(true)
    one.asked[0]?.answer(PASS)
    await settle()
  })

  it('does not exist counts as unsure, and is no crash', async () => {
    const lab = openLab({ profile: { tools: [], guards: { guards: [{ name: 'gone', on: ['input'], mode: 'hold', whenUnsure: 'block' }], tellsModel: false, maxBlocks: 5 } } })
    await lab.live()
    lab.client.say({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] } })
    expect(await lab.client.types()).toEqual(['error'])
  })
})

describe('time added', () => {
  it('is that of the first window, and none to what comes after it', async () => {
    const one = await guarded([{}])
    const added: number[] = []
    one.begins('r1')
    for (let window = 0; window < 3; window++) {
      one.words('r1', `${SENTENCE}${SENTENCE}`)
      one.sound('r1', 48_000 * 8)
    }
    await settle()
    const begun = Date.now()
    for (let at = 0; at < 3 && one.asked.length > 0; at++) {
      await one.pass(80)
      one.asked.shift()?.answer(PASS)
      await settle()
      const heard = (await one.heard()).filter((line) => line === 'sound r1').length
      if (heard > 0) added.push(Date.now() - begun)
    }
    console.info(`guards that take 80 ms: sound of 8 s a window came after ${added.join(', ')} ms`)
    expect(added[0]).toBeLessThan(200)
    expect(added.at(-1)).toBeLessThan(400)
  })
})

describe('without guards', () => {
  it('frames take the fast lanes', async () => {
    const lab = openLab({ profile: { tools: [] } })
    await lab.live()
    lab.upstream.say(updated(lab.owned))
    await lab.client.rest()
    expect(lab.noted('guard_failed')).toEqual([])
  })
})
