// Plays the client's side of a recorded session against the simulator: each event after the server's event that came before it in the recording.
import { isObject, type Json, type RealtimeEvent } from '../../src/core/protocol/events.js'
import { type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.js'
import { type Client, connect } from './client.js'
import type { Recording } from './recorded.js'
import { soundOf } from './recorded-sound.js'

export interface Line {
  readonly from: 'client' | 'server'
  readonly event: RealtimeEvent
}

export interface Kind {
  readonly path: string
  readonly headers: Record<string, string>
  readonly options: SimulatorOptions
}

/** How the simulator is started and dialled to be the service that was recorded. */
export function kindOf({ name, kind, lines }: Recording): Kind {
  const session = lines.find((line) => isObject(line.event.session) && typeof line.event.session.model === 'string')?.event.session
  const model = isObject(session) && typeof session.model === 'string' ? session.model : 'gpt-realtime'
  const of = (suffix: string) => lines.filter((line) => line.event.type === `conversation.item.input_audio_transcription.${suffix}`)
  const hears = of('completed').map((line) => String(line.event.transcript))
  const options: SimulatorOptions = {
    // What was interrupted must still be running when the client interrupts it.
    speed: lines.some(({ event }) => isObject(event.response) && event.response.status === 'cancelled') ? 1 : Number.POSITIVE_INFINITY,
    rateLimits: lines.some((line) => line.event.type === 'rate_limits.updated') && 'tokens',
    ...(hears.length > 0 && { heardText: hears[0], script: { hears } }),
    ...(of('failed').length > 0 && { transcriptionDeployments: [] }),
  }
  if (name.startsWith('openai')) return { path: `/v1/realtime?model=${model}`, headers: { authorization: 'Bearer k' }, options: { ...options, style: 'openai' } }
  if (kind === 'Voice Live') return { path: `/voice-live/realtime?api-version=2025-10-01&model=${model.replace('-global-standard', '')}`, headers: { 'api-key': 'k' }, options }
  if (kind === 'preview') return { path: `/openai/realtime?api-version=2025-04-01-preview&deployment=${model}`, headers: { 'api-key': 'k' }, options }
  return { path: `/openai/v1/realtime?model=${model}`, headers: { 'api-key': 'k' }, options }
}

/** A microphone goes on while the server thinks, and the simulator may hear a word later than the service did: an append waits for what came so many appends ago. */
const APPENDS_AHEAD = 5

/**
 * Everything that the simulator sent, up to where it did not send what the client of the recording waited for. Ids that the recorded client took from the
 * server are replaced by the simulator's.
 */
export async function play(lines: readonly Line[], kind: Kind): Promise<readonly RealtimeEvent[]> {
  const simulator = await startSimulator(kind.options)
  try {
    const client = await connect(simulator, kind.path, kind.headers)
    await client.next('session.created')
    const opened = lines.some(({ event }) => event.type === 'session.created')
    /** The simulator's events beside the recorded ones: a sideband has no opening. */
    const simulated = () => (opened ? client.events : client.events.slice(1))
    try {
      await playClient(lines, client, simulated)
    } catch {
      // The comparison tells what is missing.
    }
    return [...simulated()]
  } finally {
    await simulator.close()
  }
}

async function playClient(lines: readonly Line[], client: Client, simulated: () => readonly RealtimeEvent[]): Promise<void> {
  /** Resolves when as many events of each kind came as the recording has up to its last one that is no delta; after a delta, also one such delta. */
  const caughtUp = async (recorded: readonly RealtimeEvent[]) => {
    const anchor = recorded.findLast((one) => !isDelta(one))
    if (!anchor) return
    const nth = recorded.filter(({ type }) => type === anchor.type).length
    while (simulated().filter(({ type }) => type === anchor.type).length < nth) await client.next(anchor.type)
    const delta = recorded.at(-1)
    const after = simulated().indexOf(simulated().filter(({ type }) => type === anchor.type)[nth - 1] as RealtimeEvent)
    if (!delta || !isDelta(delta)) return
    while (
      !simulated()
        .slice(after)
        .some(({ type }) => type === delta.type)
    )
      await client.next(delta.type)
  }
  const recorded: RealtimeEvent[] = []
  /** How many server events had come before each append since the client last sent anything else. */
  let before: number[] = []
  const sound = soundOf(lines.map(({ event }) => event).filter(isAppend)).values()
  for (const { from, event } of lines) {
    if (from === 'server') recorded.push(event)
    else if (isAppend(event)) {
      before.push(recorded.length)
      await caughtUp(recorded.slice(0, before[Math.max(0, before.length - 1 - APPENDS_AHEAD)]))
      client.send({ ...event, audio: sound.next().value?.toString('base64') })
    } else {
      before = []
      await caughtUp(recorded)
      client.send(renamed(event, ids(recorded), ids(simulated())) as RealtimeEvent)
    }
  }
  await caughtUp(recorded)
  const transcribed = recorded.findLastIndex(({ type }) => /transcription\.(completed|failed)$/.test(type))
  if (transcribed >= 0) await caughtUp(recorded.slice(0, transcribed + 1))
}

const isDelta = ({ type }: RealtimeEvent) => type.endsWith('.delta')
const isAppend = (event: RealtimeEvent) => event.type === 'input_audio_buffer.append'

/** Ids by kind, each once, in the order in which they appear. */
function ids(events: readonly RealtimeEvent[]): readonly string[][] {
  const kinds = ['item', 'call', 'resp'].map((prefix) => new RegExp(`^${prefix}_`))
  const found: string[][] = kinds.map(() => [])
  const walk = (value: Json | undefined): void => {
    if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) walk(inner as Json)
    if (typeof value !== 'string') return
    for (const [index, kind] of kinds.entries()) if (kind.test(value) && !found[index]?.includes(value)) found[index]?.push(value)
  }
  for (const event of events) walk(event)
  return found
}

function renamed(value: Json | undefined, from: readonly string[][], to: readonly string[][]): Json {
  if (Array.isArray(value)) return value.map((inner) => renamed(inner, from, to))
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, renamed(inner, from, to)]))
  if (typeof value !== 'string') return value ?? null
  for (const [kind, known] of from.entries()) {
    const index = known.indexOf(value)
    if (index >= 0) return to[kind]?.[index] ?? value
  }
  return value
}
