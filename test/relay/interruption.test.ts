// An interruption on the wire: not one byte of the old answer after it, late items cut, the next answer untouched, in every pair of dialects and at the client's own audio.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Interruption } from '../../src/core/policy/profile.js'
import type { DialectName } from '../../src/core/protocol/dialect.js'
import { settle } from '../support/memory-link.js'
import { ev, profile, updated } from '../support/playbook.js'
import { type Lab, type LabOptions, openLab } from '../support/relay-lab.js'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const RELAY: Interruption = { bargeIn: 'allow', truncate: 'relay' }

interface Call extends Lab {
  begins(responseId: string, itemId?: string): void
  audio(responseId: string, forMs: number, itemId?: string): void
  words(responseId: string, text: string, itemId?: string): void
  speech(what: string): void
  ends(responseId: string, status?: string): void
  /** Types that reached the client, with the item of deltas. */
  toClient(): Promise<readonly string[]>
  /** Cancels and truncates that reached the upstream. */
  toUpstream(): Promise<readonly string[]>
}

async function call(interruption: Interruption | undefined, options: LabOptions = {}): Promise<Call> {
  const limits = { ...profile().limits, reconnectMs: 10_000 }
  const lab = openLab({ ...options, profile: { tools: [], interruption, relayEvents: true, limits, ...options.profile } })
  await lab.live()
  const preview = options.upstreamDialect === 'preview'
  const { session } = updated(lab.owned) as unknown as { session: object }
  lab.upstream.say(
    preview
      ? { type: 'session.updated', event_id: 'e', session: { ...session, turn_detection: { type: 'server_vad' } } }
      : { type: 'session.updated', event_id: 'e', session: { ...session, audio: { input: { turn_detection: { type: 'server_vad' } } } } },
  )
  await lab.client.rest()
  const place = (responseId: string, itemId: string) => ({ event_id: 'e', response_id: responseId, item_id: itemId, output_index: 0, content_index: 0 })
  return Object.assign(lab, {
    begins(responseId: string, itemId = `m_${responseId}`) {
      const item = { ...ev.message(itemId), status: 'in_progress', content: [] }
      lab.upstream.say(ev.created(responseId))
      lab.upstream.say(ev.itemAdded(responseId, item))
      lab.upstream.say({ ...ev.added(item), type: preview ? 'conversation.item.created' : 'conversation.item.added' })
    },
    audio(responseId: string, forMs: number, itemId = `m_${responseId}`) {
      lab.upstream.say({ type: preview ? 'response.audio.delta' : 'response.output_audio.delta', ...place(responseId, itemId), delta: Buffer.alloc(forMs * 48).toString('base64') })
    },
    words(responseId: string, delta: string, itemId = `m_${responseId}`) {
      lab.upstream.say({ type: preview ? 'response.audio_transcript.delta' : 'response.output_audio_transcript.delta', ...place(responseId, itemId), delta })
    },
    speech: (what: string) => void lab.upstream.say({ type: `input_audio_buffer.${what}`, event_id: 'e', item_id: 'u1', audio_start_ms: 0, audio_end_ms: 0 }),
    ends: (responseId: string, status = 'cancelled') => void lab.upstream.say(ev.done(responseId, [], status)),
    async toClient() {
      return (await lab.client.rest()).map((text) => {
        const event = JSON.parse(text) as { type: string; item_id?: string }
        return event.type.endsWith('.delta') ? `${event.type} ${event.item_id}` : event.type
      })
    },
    async toUpstream() {
      return (await lab.upstream.rest()).flatMap((text) => {
        const { type, item_id, audio_end_ms, response_id } = JSON.parse(text) as Record<string, string>
        return type === 'conversation.item.truncate' ? [`${item_id} ${audio_end_ms}`] : type === 'response.cancel' ? [`cancel ${response_id}`] : []
      })
    },
  })
}

const DIALECTS: readonly (readonly [DialectName, DialectName])[] = [
  ['ga', 'ga'],
  ['preview', 'ga'],
  ['ga', 'preview'],
]

describe.each(DIALECTS)('a %s client of a %s upstream', (clientDialect, upstreamDialect) => {
  it('hears nothing of an answer after its interruption, and all of the next', async () => {
    const one = await call(RELAY, { clientDialect, upstreamDialect })
    one.begins('r1')
    for (const word of ['One ', 'two ', 'three ']) {
      one.words('r1', word)
      one.audio('r1', 200)
    }
    await settle()
    await one.pass(250)
    await one.client.rest()
    one.speech('speech_started')
    for (const word of ['four ', 'five ', 'six ']) {
      one.words('r1', word)
      one.audio('r1', 200)
    }
    one.begins('r2')
    one.words('r2', 'yes')
    one.audio('r2', 100)
    const heard = await one.toClient()
    expect(heard.filter((line) => line.includes('m_r1') && line.includes('delta'))).toEqual([])
    expect(heard.filter((line) => line.includes('m_r2') && line.includes('delta'))).toHaveLength(2)
    expect(heard.slice(0, 2)).toEqual(['input_audio_buffer.speech_started', 'relay.interrupted'])
    expect(await one.toUpstream()).toEqual(['m_r1 250'])
  })
})

describe('what comes too late', () => {
  it('is cut where the answer had been heard to its end, and an item of which nothing was heard to nothing', async () => {
    const one = await call(RELAY)
    one.begins('r1')
    one.audio('r1', 200)
    await one.pass(500)
    await one.client.rest()
    one.speech('speech_started')
    one.audio('r1', 200)
    one.upstream.say(ev.added({ ...ev.message('m2'), status: 'in_progress', content: [] }, 'm_r1'))
    one.audio('r1', 200, 'm2')
    await settle()
    expect(await one.toUpstream()).toEqual([])
    one.ends('r1')
    expect(await one.toUpstream()).toEqual(['m_r1 200', 'm2 0'])
    expect((await one.toClient()).filter((line) => line.endsWith('.delta m2'))).toEqual([])
  })
})

describe('an interruption of the relay', () => {
  const late: Interruption = { bargeIn: 'allow', minSpeechMs: 300, truncate: 'relay' }

  it('comes with the client’s next audio once it is due, and not only at a tick', async () => {
    const one = await call(late)
    one.begins('r1')
    one.audio('r1', 2000)
    await one.pass(10)
    one.speech('speech_started')
    await settle()
    vi.setSystemTime(Date.now() + 301)
    one.client.say({ type: 'input_audio_buffer.append', audio: 'AAAA' })
    await settle()
    expect(await one.toUpstream()).toEqual(['cancel r1', 'm_r1 311'])
  })

  it('comes at a tick if the client sends nothing', async () => {
    const one = await call(late)
    one.begins('r1')
    one.audio('r1', 2000)
    one.speech('speech_started')
    await one.pass(750)
    const [cancel, truncate] = await one.toUpstream()
    expect(cancel).toBe('cancel r1')
    expect(Number(truncate?.split(' ')[1])).toBeLessThanOrEqual(300 + 250)
  })
})

describe('the client’s own', () => {
  it('cancel clears what was sent, and its late truncate is answered', async () => {
    const one = await call(RELAY)
    one.begins('r1')
    one.audio('r1', 1000)
    await one.pass(100)
    await one.client.rest()
    one.client.say({ type: 'response.cancel' })
    one.client.say({ type: 'conversation.item.truncate', item_id: 'm_r1', content_index: 0, audio_end_ms: 150 })
    expect(await one.toClient()).toEqual(['relay.interrupted', 'conversation.item.truncated'])
    expect(await one.toUpstream()).toEqual(['cancel undefined', 'm_r1 100'])
    expect(one.noted('barge_in')).toEqual([])
  })
})

describe('a client that is away', () => {
  it('has heard no more than it had, until it is back', async () => {
    const one = await call(RELAY, { profile: { limits: { ...profile().limits, reconnectMs: 10_000, resumeMs: 60_000 } } })
    one.begins('r1')
    one.audio('r1', 100)
    await one.pass(10)
    const [session] = one.relay.sessions.all()
    session?.apply({ type: 'client.gone' })
    one.audio('r1', 1000)
    await one.pass(2000)
    const caller = { subject: 'alice', issuer: undefined }
    session?.apply({ type: 'client.back', recovered: true, caller, expiresAt: Date.now() + 600_000, exp: Date.now() + 600_000, tokenId: 'token-2' })
    await one.pass(50)
    one.client.say({ type: 'response.cancel' })
    await settle()
    expect((await one.toUpstream()).at(-1)).toBe('m_r1 150')
  })
})
