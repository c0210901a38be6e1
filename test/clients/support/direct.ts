// The simulator without a relay, a voice of espeak-ng, and the five turns that a library must complete with it.
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/simulator/simulator.js'
import { hasEspeak, speechPcm } from '../../support/speech.js'
import { CA_FILE, type WireEvent } from './lab.js'
import type { Answer, OwnCall } from './turns.js'

export const KEY = 'key-of-the-local-azure'
const GREETING = 'Can you hear me well today?'
const OBJECTION = 'Wait!'
export const WEATHER_QUESTION = 'What is the weather in Lisbon?'
export const STORY_QUESTION = 'Please tell me a story.'
/** About a minute of speech, so that a user can speak into it on a busy machine too. */
const STORY = `Once upon a time ${'the quick brown fox jumped over the lazy dog, '.repeat(18)}and that was all.`
/** Like the service, a little faster. */
const SPEED = 2
const PCM_BYTES_PER_MS = 48

export const WEATHER = {
  name: 'get_weather',
  description: 'Tells the weather in a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
} as const
/** What the client's own function answers. */
export const weatherIn = (city: string): string => `sunny in ${city}`

export const missingVoice = hasEspeak() ? [] : ['espeak-ng']

/** One connected client, driven through its library's own calls. */
export interface DirectTalker {
  ask(text: string): Promise<Answer>
  speak(pcm: Uint8Array): Promise<Answer & { readonly heard?: string }>
  /** Asks what needs the client's function, which answers `weatherIn(city)`. */
  call(text: string): Promise<Answer & { readonly called: readonly OwnCall[] }>
  /** Asks, speaks as soon as the answer's first sound is there, and resolves with the answer to what was spoken. */
  interrupt(text: string, pcm: Uint8Array): Promise<Answer>
  close(): Promise<unknown>
}

export interface Direct {
  readonly host: string
  readonly simulator: Simulator
  /** What the simulator sent in the latest session, oldest first. */
  sent(): Promise<readonly WireEvent[]>
  close(): Promise<void>
}

/** `wss`: for libraries that dial nothing else. */
export async function openDirect(options: { readonly wss?: boolean } & Pick<SimulatorOptions, 'style' | 'model'> = {}): Promise<Direct> {
  const { wss, ...others } = options
  const voices = [GREETING, OBJECTION, WEATHER_QUESTION, STORY_QUESTION].map((text) => ({ text, part: loudest(speechPcm(text)) }))
  const simulator = await startSimulator({
    ...others,
    apiKey: KEY,
    speed: SPEED,
    control: {},
    hear: (pcm) => voices.find(({ part }) => pcm.includes(part))?.text ?? `${Math.round(pcm.length / PCM_BYTES_PER_MS)} ms of something else`,
    script: { answers: [{ on: { says: 'tell me a story' }, reply: [{ say: STORY }] }] },
    ...(wss ? { tls: { cert: readFileSync(CA_FILE), key: readFileSync(CA_FILE.replace('-cert.pem', '-key.pem')) } } : {}),
  })
  return {
    host: `localhost:${simulator.port}`,
    simulator,
    async sent() {
      const id = simulator.received.at(-1)?.sessionId
      const passed = (await (await fetch(`${simulator.controlUrl}/sessions/${id}/events?from=server`)).json()) as readonly { readonly event: WireEvent }[]
      return passed.map(({ event }) => event)
    },
    close: () => simulator.close(),
  }
}

/** The tenth of a second around its loudest sample, by which a sentence is known again. */
function loudest(pcm: Buffer): Buffer {
  let at = 0
  for (let next = 0; next + 1 < pcm.length; next += 2) if (Math.abs(pcm.readInt16LE(next)) > Math.abs(pcm.readInt16LE(at))) at = next
  return pcm.subarray(at - 50 * PCM_BYTES_PER_MS, at + 50 * PCM_BYTES_PER_MS)
}

/** A plain array, since the pieces of a Buffer share its memory. */
export const microphone = (text: string): Uint8Array => new Uint8Array(speechPcm(text))

/** `target`: path and query of the only dial. */
export async function fiveTurns(direct: Direct, talker: DirectTalker, target: string | RegExp): Promise<void> {
  const hello = await talker.ask('Good morning')
  expect(hello.text).toContain('You said: Good morning.')
  expect(hello.audioBytes).toBeGreaterThan(4800)

  const spoken = await talker.speak(microphone(GREETING))
  expect(spoken.text).toContain(`You said: ${GREETING}`)
  expect(spoken.audioBytes).toBeGreaterThan(4800)
  if (spoken.heard !== undefined) expect(spoken.heard.trim()).toBe(GREETING)

  const weather = await talker.call(WEATHER_QUESTION)
  expect(weather.called.map(({ name, arguments: given }) => ({ name, arguments: JSON.parse(given) }))).toEqual([{ name: WEATHER.name, arguments: { city: 'Lisbon' } }])
  expect(weather.text).toContain(weatherIn('Lisbon'))

  const objection = await talker.interrupt(STORY_QUESTION, microphone(OBJECTION))
  expect(objection.text).toContain(`You said: ${OBJECTION}`)
  await talker.close()

  expect(direct.simulator.received.map((session) => session.target)).toEqual([typeof target === 'string' ? target : expect.stringMatching(target)])
  checkSent(await direct.sent())
}

interface Ended {
  readonly status: string
  readonly status_details: { readonly reason: string } | null
  readonly output: readonly { readonly id: string }[]
}

function checkSent(events: readonly WireEvent[]): void {
  const responses = events.flatMap((event) => (event.type === 'response.done' ? [event.response as Ended] : []))
  const statuses = responses.map(({ status }) => status)
  expect(statuses).toEqual([...Array(statuses.length - 2).fill('completed'), 'cancelled', 'completed'])
  const interrupted = responses.at(-2) as Ended
  expect(interrupted.status_details?.reason).toBe('turn_detected')
  expect(events.filter((event) => event.type === 'error')).toEqual([])
  // A library that takes an earlier answer for still playing cuts that one too.
  const cut = events.flatMap((event) => (event.type === 'conversation.item.truncated' ? [event.item_id] : []))
  expect(cut.filter((id) => id === interrupted.output[0]?.id)).toHaveLength(1)
  for (const event of events) expect(event.event_id, String(event.type)).toEqual(expect.any(String))
}
