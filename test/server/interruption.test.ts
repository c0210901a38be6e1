// Interruptions over real sockets, with a client that only plays: what the model remembers of an answer is what was heard of it, whoever interrupts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { speakInTones, wordsUntil } from '../../src/simulator/speech-tones.js'
import { connectClient, type RealtimeClient, type ReceivedEvent } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'

const folder = mkdtempSync(join(tmpdir(), 'interruption-'))
const profiles = join(folder, 'profiles.json')
const PROFILES = {
  thin: { truncate: 'relay' },
  told: { truncate: 'relay', relayEvents: true },
  protected: { bargeIn: 'protect', truncate: 'relay' },
  patient: { minSpeechMs: 400, truncate: 'relay', relayEvents: true, session: { audio: { input: { turn_detection: { type: 'server_vad', silence_duration_ms: 300 } } } } },
  shielded: { protectMs: 1500, truncate: 'relay', relayEvents: true },
}
/** Long enough that it is still being sent after two and a half seconds. */
const STORY =
  'The keeper climbed the stairs of the tower every evening before the sun went down and lit the lamp that all the ships were looking for in the dark, and when the storm came up from the west he stayed awake until the morning and wrote down the names of all of them in a book that nobody has ever read.'

let running: RunningRelay
beforeAll(async () => {
  writeFileSync(profiles, JSON.stringify(PROFILES))
  running = await runRelay({ env: { PROFILES_FILE: profiles, MESSAGES_PER_SECOND: '10000' }, tools: [], simulator: { speed: 1 } })
})
afterAll(async () => {
  await running.close()
  rmSync(folder, { recursive: true })
})

interface Thin extends RealtimeClient {
  /** Milliseconds that its loudspeaker has played of this item by `at`: at once, and without a pause. */
  heardMs(itemId: string, at: number): number
  sentMs(itemId: string): number
  speak(ms: number, silentMs?: number): void
  truncates(): readonly { item_id: string; audio_end_ms: number }[]
}

const deltaTypes = ['response.output_audio.delta', 'response.audio.delta']

async function caller(profile: keyof typeof PROFILES, path = '/v1/realtime'): Promise<Thin> {
  const before = running.simulator.received.length
  const client = await connectClient(`${running.wsUrl}${path}`, await running.token('alice', { profile }))
  const arrived: { itemId: string; at: number; ms: number }[] = []
  client.socket.on('message', (data) => {
    const event = JSON.parse(String(data)) as ReceivedEvent
    if (deltaTypes.includes(event.type)) arrived.push({ itemId: String(event.item_id), at: performance.now(), ms: Buffer.from(String(event.delta), 'base64').length / 48 })
  })
  await client.next('session.created')
  return Object.assign(client, {
    heardMs(itemId: string, at: number) {
      let freeAt = 0
      return arrived.reduce((heard, one) => {
        const begins = Math.max(freeAt, one.at)
        freeAt = begins + one.ms
        return one.itemId === itemId ? heard + Math.max(0, Math.min(one.ms, at - begins)) : heard
      }, 0)
    },
    sentMs: (itemId: string) => arrived.reduce((sum, one) => (one.itemId === itemId ? sum + one.ms : sum), 0),
    speak(ms: number, silentMs = 0) {
      for (const audio of appendable(tone(ms), silence(silentMs))) client.send({ type: 'input_audio_buffer.append', audio })
    },
    truncates: () =>
      (running.simulator.received[before]?.events ?? []).filter(({ type }) => type === 'conversation.item.truncate') as unknown as { item_id: string; audio_end_ms: number }[],
  })
}

/** Asks for the story, and waits until `ms` of it were heard. */
async function telling(client: Thin, ms: number): Promise<string> {
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: STORY }] } })
  client.send({ type: 'response.create' })
  const itemId = String((await client.next((event) => deltaTypes.includes(event.type))).item_id)
  while (client.heardMs(itemId, performance.now()) < ms) await sleep(4)
  return itemId
}

const spoken = (events: readonly ReceivedEvent[]) => JSON.stringify(events.findLast(({ type }) => type === 'response.done')?.response).match(/"transcript":"([^"]*)"/)?.[1] ?? ''
const countWords = (text: string) => text.split(' ').filter((word) => word !== '').length
const errorsOf = (client: RealtimeClient) => client.events.filter(({ type }) => type === 'error')
const statusOf = (event: ReceivedEvent) => (event.response as { status: string; status_details: { reason?: string } | null } | undefined) ?? { status: '' }

/** The model is asked what it said: these are the words of what was heard, give or take one. */
async function expectRemembered(client: Thin, heardMs: number): Promise<void> {
  const from = client.events.length
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'What did you say?' }] } })
  client.send({ type: 'response.create' })
  await client.next('response.done', { from, ms: 20_000 })
  const remembered = spoken(client.events).replace(/^I (said: |have not said anything yet\.)/, '')
  const heard = wordsUntil(speakInTones(`You said: ${STORY}`, { voice: 'alloy', speed: 1 }).words, heardMs)
  expect(`You said: ${STORY}`.startsWith(remembered)).toBe(true)
  expect(Math.abs(countWords(remembered) - countWords(heard))).toBeLessThanOrEqual(1)
}

describe('a thin client', () => {
  it.each([
    [0, 'thin', '/v1/realtime'],
    [20, 'told', '/v1/realtime'],
    [777, 'thin', '/v1/realtime'],
    [2500, 'told', '/openai/realtime?api-version=2024-10-01-preview&deployment=realtime'],
  ] as const)(
    'that is interrupted after %i ms (%s, %s)',
    async (ms, profile, path) => {
      const client = await caller(profile, path)
      const itemId = await telling(client, ms)
      const from = client.events.length
      client.speak(300, 800)
      await client.next('input_audio_buffer.speech_started', { from })
      const heard = client.heardMs(itemId, performance.now())
      const sent = client.sentMs(itemId)
      await client.next((event) => event.type === 'response.done' && statusOf(event).status === 'cancelled')
      expect(client.sentMs(itemId)).toBe(sent)
      const told = await client.next('conversation.item.truncated')
      expect(told).toMatchObject({ item_id: itemId, audio_end_ms: expect.any(Number) })
      expect(Math.abs(Number(told.audio_end_ms) - heard)).toBeLessThanOrEqual(100)
      expect(Number(told.audio_end_ms)).toBeLessThanOrEqual(sent)
      expect(client.truncates()).toHaveLength(1)
      const events = client.events.filter(({ type }) => type === 'relay.interrupted')
      expect(events).toEqual(profile === 'told' ? [{ type: 'relay.interrupted', event_id: expect.any(String), item_id: itemId, heard_ms: told.audio_end_ms }] : [])
      await client.next((event) => event.type === 'response.done' && statusOf(event).status === 'completed', { ms: 20_000 })
      expect(errorsOf(client)).toEqual([])
      client.close()
    },
    40_000,
  )

  it('remembers what was heard', async () => {
    const client = await caller('thin')
    const itemId = await telling(client, 1700)
    client.send({ type: 'response.cancel' })
    const heard = client.heardMs(itemId, performance.now())
    await client.next('conversation.item.truncated')
    await expectRemembered(client, heard)
    expect(errorsOf(client)).toEqual([])
    client.close()
  }, 40_000)

  it('that speaks after the end is not interrupted', async () => {
    const client = await caller('told')
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] } })
    client.send({ type: 'response.create' })
    const done = await client.next('response.done', { ms: 20_000 })
    const itemId = String((done.response as { output: { id: string }[] }).output[0]?.id)
    while (client.heardMs(itemId, performance.now()) < client.sentMs(itemId)) await sleep(5)
    await sleep(20)
    client.speak(300)
    await client.next('input_audio_buffer.speech_started')
    client.send({ type: 'input_audio_buffer.clear' })
    await client.next('input_audio_buffer.cleared')
    expect(client.truncates()).toEqual([])
    expect(client.events.some(({ type }) => type === 'relay.interrupted')).toBe(false)
    client.close()
  }, 40_000)

  it('that truncates for itself as well breaks nothing', async () => {
    const client = await caller('told')
    const itemId = await telling(client, 900)
    client.speak(300)
    await client.next('input_audio_buffer.speech_started')
    for (const ms of [950, 960]) client.send({ type: 'conversation.item.truncate', item_id: itemId, content_index: 0, audio_end_ms: ms })
    client.send({ type: 'conversation.item.truncate', item_id: itemId, content_index: 0, audio_end_ms: 100 })
    await client.next((event) => event.type === 'conversation.item.truncated' && event.audio_end_ms === 100)
    expect(client.truncates().map(({ audio_end_ms }) => audio_end_ms)).toEqual([expect.any(Number), 100])
    expect(errorsOf(client)).toEqual([])
    client.close()
  }, 40_000)
})

describe('a protected answer', () => {
  it('is finished, and what was said meanwhile is answered after it', async () => {
    const client = await caller('protected')
    const itemId = await telling(client, 300)
    client.speak(600, 800)
    await client.next('input_audio_buffer.committed')
    const first = await client.next('response.done', { ms: 20_000 })
    expect(statusOf(first).status).toBe('completed')
    expect(client.sentMs(itemId)).toBeGreaterThan(4000)
    const second = await client.next('response.done', { from: client.events.indexOf(first) + 1, ms: 20_000 })
    expect(statusOf(second).status).toBe('completed')
    expect(client.truncates()).toEqual([])
    expect(errorsOf(client)).toEqual([])
    client.close()
  }, 60_000)
})

/** Speech at the pace of a voice, 20 ms at a time. */
async function speakFor(client: Thin, ms: number, silentMs: number): Promise<void> {
  const pcm = Buffer.concat([tone(ms), silence(silentMs)])
  const since = performance.now()
  for (let at = 0; at < pcm.length; at += 960) {
    client.send({ type: 'input_audio_buffer.append', audio: pcm.subarray(at, at + 960).toString('base64') })
    await sleep(Math.max(0, since + at / 48 - performance.now()))
  }
}

describe('speech that has to last', () => {
  it('is no interruption before, and one at its time', async () => {
    const client = await caller('patient')
    await telling(client, 300)
    await speakFor(client, 150, 400)
    await client.next('input_audio_buffer.speech_stopped')
    expect(client.truncates()).toEqual([])
    const from = client.events.length
    const speaking = speakFor(client, 1600, 0)
    await client.next('input_audio_buffer.speech_started', { from })
    const started = performance.now()
    await client.next('relay.interrupted', { from })
    const lasted = performance.now() - started
    expect(lasted).toBeGreaterThan(650)
    expect(lasted).toBeLessThan(1400)
    await speaking
    const done = await client.next('response.done', { from })
    expect(statusOf(done)).toMatchObject({ status: 'cancelled', status_details: { reason: 'client_cancelled' } })
    expect(errorsOf(client)).toEqual([])
    client.close()
  }, 60_000)

  it('waits for the end of the protection', async () => {
    const client = await caller('shielded')
    const itemId = await telling(client, 200)
    const speaking = speakFor(client, 2600, 0)
    await client.next('relay.interrupted', { ms: 10_000 })
    expect(client.heardMs(itemId, performance.now())).toBeGreaterThan(1450)
    expect(client.heardMs(itemId, performance.now())).toBeLessThan(2100)
    await speaking
    expect(errorsOf(client)).toEqual([])
    client.close()
  }, 60_000)
})
