// Spoken turns and typed words through guards that are slow, dead, lying or flooding, in each mode, beside a caller without guards; guards on tools; and what a guard adds to the first sound.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startContentSafety } from '../guards/content-safety.js'
import { type HostileHttp, startHostileHttp } from '../guards/hostile-http.js'
import { connectClient, type RealtimeClient, type ReceivedEvent } from '../support/realtime-client.js'
import { type RunningRelay, runRelay, sampleTools } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'

const folder = mkdtempSync(join(tmpdir(), 'relay-hostile-guards-'))
const STORY = 'The keeper climbed the stairs of the tower every evening before the sun went down. Then he lit the lamp that all the ships were looking for in the dark.'
/** The first word is what the guard's service does when it is asked. */
const WORDS = ['HANG', 'DRIP', 'RESET', 'GARBAGE', 'NOTHING', 'WRONG', 'HUGE'] as const
const MODES = ['cut', 'hold', 'gate', 'observe'] as const
const ENDPOINTS = ['http', 'azure'] as const
const KINDS = [...ENDPOINTS, 'module'] as const
type Kind = (typeof KINDS)[number]
const script = {
  /** After each failure one that goes well, so that no guard is left alone for having failed three times. */
  hears: WORDS.flatMap((word) => [`Tell me the story of ${word}.`, 'Tell me another.']),
  answers: [
    ...WORDS.map((word) => ({ on: { says: `story of ${word}` }, reply: [{ say: `${word} is a killer. ${STORY}` }] })),
    { on: { says: 'long' }, reply: [{ say: `HANG. ${`${STORY} `.repeat(8)}` }] },
    { on: { says: 'weather in {city}' }, reply: [{ call: { name: 'get_weather', arguments: { city: '{city}' } } }] },
    { on: { result: 'get_weather' }, reply: [{ say: 'I was told {result}.' }] },
    { reply: [{ say: STORY }] },
  ],
}
const session = { audio: { input: { transcription: { model: 'whisper-1' }, turn_detection: { type: 'server_vad', silence_duration_ms: 300 } } } }
const profileOf = (...guards: string[]) => ({ guards, relayEvents: true, session, maxBlocks: 100 })
const nameOf = (kind: string, mode: string, side: string) => `${kind}-${mode}-${side}`
/** A gate is for what is said: the answer is not asked for before. */
const sideOf = (mode: (typeof MODES)[number]) => (mode === 'gate' ? 'input' : 'output')
const DELAYS = [50, 200] as const
const TIMEOUT_MS = 1000
/** A thread that was blocked is replaced half a second later, and what waited for it is asked then. */
const MODULE_TIMEOUT_MS = 2500
const MODULE = join(import.meta.dirname, '../guards/hostile-module.mjs')

let running: RunningRelay
/** Its upstream speaks as fast as a service. */
let slow: RunningRelay
let services: Record<Exclude<Kind, 'module'>, HostileHttp>
let delaying: readonly HostileHttp[]
beforeAll(async () => {
  services = {
    http: await startHostileHttp((_asked, text) => ({ body: { blocked: /bomb|killer/.test(text), category: 'weapons' } })),
    azure: await startContentSafety(),
  }
  delaying = await Promise.all(DELAYS.map((ms) => startHostileHttp(() => ({ body: { blocked: false } }), ms)))
  const runs = { http: { http: { url: services.http.url.href } }, azure: { azure: { endpoint: services.azure.url.origin, apiKey: 'safety-key' } }, module: { module: MODULE } }
  const timeoutMs = (kind: Kind) => (kind === 'module' ? MODULE_TIMEOUT_MS : TIMEOUT_MS)
  const made = (kind: Kind, mode: string, side: string) => ({ name: nameOf(kind, mode, side), on: [side], mode, timeoutMs: timeoutMs(kind), run: runs[kind] })
  const guards = KINDS.flatMap((kind) => [
    ...MODES.flatMap((mode) => [...new Set([sideOf(mode), 'input'])].map((side) => made(kind, mode, side))),
    ...['tool_arguments', 'tool_output'].map((side) => made(kind, 'hold', side)),
  ])
  const patient = { name: 'patient', on: ['output'], timeoutMs: 10_000, run: runs.http }
  const slowOnes = DELAYS.map((ms, at) => ({ name: `after-${ms}`, on: ['output'], run: { http: { url: delaying[at]?.url.href } } }))
  const all = [...guards, ...slowOnes, patient]
  const start = (speed: number, used: readonly { readonly name: string }[]) => {
    const file = join(folder, `profiles-${speed}.json`)
    const profiles = used.map(({ name }) => [name, profileOf(name)] as const)
    writeFileSync(file, JSON.stringify({ default: { guards: [] }, free: { guards: [], session }, ...Object.fromEntries(profiles) }))
    return runRelay({
      env: { GUARDS: JSON.stringify(used), PROFILES_FILE: file, MESSAGES_PER_SECOND: '10000' },
      tools: (url) => sampleTools(url).slice(0, 1),
      toolAnswer: async (_path, body) => ({ status: 200, body: body.includes('Oslo') ? 'there is a killer about' : 'sunny' }),
      simulator: { script, speed },
    })
  }
  running = await start(Number.POSITIVE_INFINITY, all)
  // A module has a thread for each guard.
  slow = await start(
    1,
    all.filter(({ run }) => !('module' in run)),
  )
})
afterAll(async () => {
  await running.close()
  await slow.close()
  for (const service of [...Object.values(services), ...delaying]) await service.close()
  rmSync(folder, { recursive: true })
})

async function caller(profile: string, relay = running): Promise<RealtimeClient & { upstream(): string }> {
  const before = relay.simulator.received.length
  const client = await connectClient(`${relay.wsUrl}/v1/realtime`, await relay.token('alice', { profile }))
  await client.next('session.created')
  return Object.assign(client, { upstream: () => JSON.stringify(relay.simulator.received[before]?.events ?? []) })
}
const soundOf = (events: readonly ReceivedEvent[]) =>
  Buffer.concat(events.filter(({ type }) => type === 'response.output_audio.delta').map(({ delta }) => Buffer.from(String(delta), 'base64')))

/** A spoken turn, up to the end of its answer, if there is one, and to the news that it is blocked. */
async function turn(client: RealtimeClient, isBlocked: boolean, isAnswered = true): Promise<readonly ReceivedEvent[]> {
  const from = client.events.length
  for (const audio of appendable(tone(600), silence(500))) client.send({ type: 'input_audio_buffer.append', audio })
  if (isBlocked) await client.next('relay.blocked', { from })
  if (isAnswered) await client.next('response.done', { from })
  return client.events.slice(from)
}
const wordsOf = (events: readonly ReceivedEvent[]) =>
  events
    .filter(({ type }) => type === 'response.output_audio_transcript.delta')
    .map(({ delta }) => String(delta))
    .join('')
const told = (times: readonly number[]) => `${times.length}, median ${median(times).toFixed(0)} ms, longest ${Math.max(...times).toFixed(0)} ms`
const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

describe('spoken turns through guards of which none answers as it should', { timeout: 60_000 }, () => {
  /** Speaks until the others are done. */
  async function unguarded(isOver: () => boolean): Promise<readonly number[]> {
    const client = await caller('free')
    const took: number[] = []
    while (!isOver()) {
      const since = performance.now()
      const events = await turn(client, false)
      took.push(performance.now() - since)
      expect(events.findLast(({ type }) => type === 'response.done')?.response).toMatchObject({ status: 'completed' })
      const word = WORDS[(took.length - 1) / 2]
      expect(wordsOf(events)).toBe(took.length % 2 === 1 && word ? `${word} is a killer. ${STORY}` : STORY)
      expect(soundOf(events).length).toBeGreaterThan(100_000)
    }
    client.close()
    return took
  }

  async function guarded(kind: Kind, mode: (typeof MODES)[number]): Promise<void> {
    const client = await caller(nameOf(kind, mode, sideOf(mode)))
    for (const word of WORDS) {
      const events = await turn(client, mode !== 'observe', mode !== 'gate')
      const what = `${kind} ${mode} ${word}`
      if (mode === 'observe') expect(wordsOf(events), what).toBe(`${word} is a killer. ${STORY}`)
      if (mode === 'hold' || mode === 'gate') {
        expect(soundOf(events).length, what).toBe(0)
        expect(JSON.stringify(events), what).not.toMatch(/killer|keeper/)
      }
      const next = await turn(client, false)
      expect(wordsOf(next), `after ${what}`).toBe(STORY)
    }
    if (mode === 'hold' || mode === 'gate') expect(client.frames.join('\n')).not.toContain('killer')
    client.close()
  }

  it('are blocked or pass by their mode, and the sound of a caller without guards does not wait', async () => {
    let turns = 0
    const alone = await unguarded(() => ++turns > 10)
    const before = running.simulator.received.length
    let isOver = false
    const beside = unguarded(() => isOver)
    await Promise.all(ENDPOINTS.flatMap((kind) => MODES.map((mode) => guarded(kind, mode)))).finally(() => {
      isOver = true
    })
    const took = await beside
    // Of what was blocked in a gate, no answer was ever asked for.
    const requests = running.simulator.received.slice(before).flatMap(({ events }) => events.filter(({ type }) => type === 'response.create'))
    expect(requests.length).toBe(ENDPOINTS.length * WORDS.length)
    console.log(`turns without guards, alone: ${told(alone)}; beside eight sessions with hostile guards: ${told(took)}`)
    expect(took.length).toBeGreaterThan(4)
    expect(median(took)).toBeLessThan(TIMEOUT_MS / 2)
  })

  it('but are modules that never settle, throw, end or block their thread: one at a time, since a blocked one takes a core', async () => {
    let isOver = false
    const beside = unguarded(() => isOver)
    try {
      for (const mode of MODES) await guarded('module', mode)
    } finally {
      isOver = true
    }
    const took = await beside
    console.log(`turns without guards, beside a hostile module: ${told(took)}`)
    expect(median(took)).toBeLessThan(TIMEOUT_MS / 2)
  })

  it('are not kept beyond two megabytes: an answer that fills them is blocked before the guard’s time is over', async () => {
    const client = await caller('patient')
    const since = performance.now()
    await client.ask('Something long.')
    await client.next('relay.blocked')
    expect(performance.now() - since).toBeLessThan(8_000)
    expect(soundOf(client.events).length).toBe(0)
    expect(await (await fetch(`${running.relay.adminUrl}/metrics`)).text()).toMatch(/^relay_guard_failures_total\{[^}]*patient[^}]*gate_full[^}]*\} 1$/m)
    client.close()
  })
})

describe.each(KINDS)('typed words before a guard by %s', { timeout: 60_000 }, (kind) => {
  it.each(MODES)('that does not answer as it should are refused, taken back or let go: %s', async (mode) => {
    const client = await caller(nameOf(kind, mode, 'input'))
    for (const word of WORDS) {
      const from = client.events.length
      client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: `Remember the word ${word}.` }] } })
      const what = `${kind} ${mode} ${word}`
      if (mode === 'hold' || mode === 'gate') {
        expect(await client.next('error', { from }), what).toMatchObject({ error: { code: 'content_blocked' } })
        expect(client.upstream(), what).not.toContain(`the word ${word}`)
      } else await client.next('conversation.item.added', { from })
      if (mode === 'cut') await client.next('conversation.item.deleted', { from })
      if (mode !== 'observe') expect(await client.next('relay.blocked', { from }), what).toMatchObject({ side: 'input', category: 'unchecked' })
      expect(wordsOf(await client.ask('Tell me another.')), `after ${what}`).toBe(STORY)
    }
    if (mode === 'observe') expect(client.events.filter(({ type }) => type === 'relay.blocked' || type === 'error')).toEqual([])
    client.close()
  })
})

describe.each(KINDS)('tools behind a guard by %s', (kind) => {
  it('do not get arguments that are blocked, or about which the guard said nothing usable', async () => {
    const client = await caller(nameOf(kind, 'hold', 'tool_arguments'))
    for (const city of ['killer', 'GARBAGE', 'HUGE']) {
      await client.ask(`What is the weather in ${city}?`)
      expect(running.toolRequests.filter((line) => line.includes(city))).toEqual([])
    }
    expect(client.events.filter(({ type }) => type === 'relay.blocked').map(({ side }) => side)).toEqual(['tool_arguments', 'tool_arguments', 'tool_arguments'])
    const events = await client.ask('What is the weather in Lisbon?')
    expect(wordsOf(events)).toBe('I was told sunny.')
    client.close()
  })

  it('return to the model nothing that is blocked', async () => {
    const client = await caller(nameOf(kind, 'hold', 'tool_output'))
    await client.ask('What is the weather in Oslo?')
    expect(running.toolRequests.at(-1)).toContain('Oslo')
    expect(client.upstream()).toContain('function_call_output')
    expect(client.upstream()).not.toContain('killer')
    expect(await client.next('relay.blocked')).toMatchObject({ side: 'tool_output' })
    expect(wordsOf(await client.ask('What is the weather in Lisbon?'))).toBe('I was told sunny.')
    client.close()
  })
})

describe('what a guard adds', { timeout: 60_000 }, () => {
  /** When the first sound came, and how long a loudspeaker that began with it had nothing to play. */
  async function heard(profile: string): Promise<{ readonly first: number; readonly holes: number }> {
    const client = await caller(profile, slow)
    let [first, freeAt, holes] = [0, 0, 0]
    const since = performance.now()
    client.socket.on('message', (data) => {
      const event = JSON.parse(String(data)) as ReceivedEvent
      if (event.type !== 'response.output_audio.delta') return
      const at = performance.now()
      if (first === 0) first = at - since
      else holes += Math.max(0, at - freeAt)
      freeAt = Math.max(freeAt, at) + Buffer.from(String(event.delta), 'base64').length / 48
    })
    await client.ask('Tell me another.')
    client.close()
    return { first, holes }
  }

  it('is the time of its first answer, before the first sound, and no hole later', async () => {
    const profiles = ['free', nameOf('http', 'cut', 'output'), nameOf('http', 'hold', 'output'), 'after-50', 'after-200']
    const rounds: Awaited<ReturnType<typeof heard>>[][] = []
    for (let round = 0; round < 3; round++) rounds.push(await Promise.all(profiles.map(heard)))
    const rows = profiles.map((profile, at) => {
      const of = (what: 'first' | 'holes') => median(rounds.map((round) => round[at]?.[what] ?? Number.NaN))
      return { profile, first: of('first'), holes: of('holes') }
    })
    console.log(`first sound, and holes after it: ${rows.map(({ profile, first, holes }) => `${profile} ${first.toFixed(0)} and ${holes.toFixed(0)} ms`).join(', ')}`)
    const [free, , held, , after200] = rows
    expect(held?.first).toBeGreaterThan(free?.first ?? 0)
    expect((after200?.first ?? 0) - (held?.first ?? 0)).toBeGreaterThan(150)
    expect((after200?.first ?? 0) - (held?.first ?? 0)).toBeLessThan(600)
    for (const { profile, holes } of rows) expect(holes, profile).toBeLessThan(150)
  })
})
