// Plays the client's side of a recorded session against the simulator: each event after the server's event that came before it in the recording.
import { isObject, type Json, type RealtimeEvent } from '../../src/core/protocol/events.js'
import { type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.js'
import { appends, connect, tone } from './client.js'

export interface Line {
  readonly from: 'client' | 'server'
  readonly event: RealtimeEvent
}

export interface Kind {
  readonly path: string
  readonly headers: Record<string, string>
  readonly options: SimulatorOptions
}

/** The service of a recording, by the folder it lies in and the model that its session names. */
export function kindOf(folder: string, lines: readonly Line[]): Kind {
  const session = lines.find((line) => isObject(line.event.session) && typeof line.event.session.model === 'string')?.event.session
  const model = isObject(session) && typeof session.model === 'string' ? session.model : 'gpt-realtime'
  const heard = lines.find((line) => line.event.type.endsWith('input_audio_transcription.completed'))?.event.transcript
  const limits = lines.some((line) => line.event.type === 'rate_limits.updated')
  const options: SimulatorOptions = { speed: Number.POSITIVE_INFINITY, rateLimits: limits && 'tokens', ...(typeof heard === 'string' && { heardText: heard }) }
  if (folder === 'openai-ga') return { path: `/v1/realtime?model=${model}`, headers: { authorization: 'Bearer k' }, options: { ...options, style: 'openai' } }
  if (folder === 'azure-voice-live')
    return { path: `/voice-live/realtime?api-version=2025-10-01&model=${model.replace('-global-standard', '')}`, headers: { 'api-key': 'k' }, options }
  return { path: `/openai/v1/realtime?model=${model}`, headers: { 'api-key': 'k' }, options }
}

/** Everything that the simulator sent. Ids that the recorded client took from the server are replaced by the simulator's. */
export async function play(lines: readonly Line[], kind: Kind): Promise<readonly RealtimeEvent[]> {
  const simulator = await startSimulator(kind.options)
  try {
    const client = await connect(simulator, kind.path, kind.headers)
    const recorded: RealtimeEvent[] = []
    const opened = lines.some((line) => line.event.type === 'session.created')
    /** The simulator's events beside the recorded ones: a sideband has no opening. */
    const simulated = () => (opened ? client.events : client.events.slice(1))
    const arrived = async (anchor: RealtimeEvent | undefined) => {
      if (!anchor) return client.until('session.created').then(() => undefined)
      const nth = recorded.filter((event) => event.type === anchor.type).length
      while (simulated().filter((event) => event.type === anchor.type).length < nth) await client.next(anchor.type)
    }
    let speaking = false
    for (const { from, event } of lines) {
      if (from === 'server') {
        recorded.push(event)
        continue
      }
      if (event.type === 'input_audio_buffer.append') {
        if (!speaking) for (const append of appends(Buffer.concat([tone(300, 0), tone(600), tone(500, 0)]))) client.send(append)
        speaking = true
        continue
      }
      speaking = false
      await arrived(recorded.findLast((one) => !one.type.endsWith('.delta')))
      client.send(renamed(event, ids(recorded), ids(simulated())) as RealtimeEvent)
    }
    await arrived(recorded.at(-1))
    const transcribed = 'conversation.item.input_audio_transcription.completed'
    if (recorded.some((event) => event.type === transcribed)) while (!client.events.some((event) => event.type === transcribed)) await client.next(transcribed)
    return [...simulated()]
  } finally {
    await simulator.close()
  }
}

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
