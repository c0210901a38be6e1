// Spoken turns through guards that are slow, dead, lying or flooding, in each mode, beside a caller without guards; guards on tools; and what a guard adds to the first sound.
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
const KINDS = ['http', 'azure'] as const
const script = {
  hears: ['Please tell me a story.'],
  answers: [
    ...WORDS.map((word) => ({ on: { says: `story of ${word}` }, reply: [{ say: `${word} is a killer. ${STORY}` }] })),
    { on: { says: 'weather in bomb' }, reply: [{ call: { name: 'get_weather', arguments: { city: 'bomb' } } }] },
    { on: { says: 'weather in {city}' }, reply: [{ call: { name: 'get_weather', arguments: { city: '{city}' } } }] },
    { on: { result: 'get_weather' }, reply: [{ say: 'I was told {result}.' }] },
    { reply: [{ say: STORY }] },
  ],
}
const session = { audio: { input: { transcription: { model: 'whisper-1' }, turn_detection: { type: 'server_vad', silence_duration_ms: 300 } } } }
const profileOf = (...guards: string[]) => ({ guards, relayEvents: true, session, maxBlocks: 100 })
const nameOf = (kind: string, mode: string, side: string) => `${kind}-${mode}-${side}`
const SIDES = ['output', 'tool_arguments', 'tool_output'] as const
const DELAYS = [50, 200] as const

let running: RunningRelay
/** Its upstream speaks as fast as a service. */
let slow: RunningRelay
let services: Record<(typeof KINDS)[number], HostileHttp>
let delaying: readonly HostileHttp[]
beforeAll(async () => {
  services = {
    http: await startHostileHttp((_asked, text) => ({ body: { blocked: /bomb|killer/.test(text), category: 'weapons' } })),
    azure: await startContentSafety(),
  }
  delaying = await Promise.all(DELAYS.map((ms) => startHostileHttp(() => ({ body: { blocked: false } }), ms)))
  const runs = { http: { http: { url: services.http.url.href } }, azure: { azure: { endpoint: services.azure.url.origin, apiKey: 'safety-key' } } }
  const guards = KINDS.flatMap((kind) => MODES.flatMap((mode) => SIDES.map((side) => ({ name: nameOf(kind, mode, side), on: [side], mode, timeoutMs: 400, run: runs[kind] }))))
  const slowOnes = DELAYS.map((ms, at) => ({ name: `after-${ms}`, on: ['output'], run: { http: { url: delaying[at]?.url.href } } }))
  const profiles = [...guards, ...slowOnes].map(({ name }) => [name, profileOf(name)] as const)
  writeFileSync(join(folder, 'profiles.json'), JSON.stringify({ default: { guards: [] }, free: { guards: [], session }, ...Object.fromEntries(profiles) }))
  const env = { GUARDS: JSON.stringify([...guards, ...slowOnes]), PROFILES_FILE: join(folder, 'profiles.json'), MESSAGES_PER_SECOND: '10000' }
  const start = (speed: number) =>
    runRelay({
      env,
      tools: (url) => sampleTools(url).slice(0, 1),
      toolAnswer: async (_path, body) => ({ status: 200, body: body.includes('Oslo') ? 'there is a killer about' : 'sunny' }),
      simulator: { script, speed },
    })
  running = await start(Number.POSITIVE_INFINITY)
  slow = await start(1)
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
