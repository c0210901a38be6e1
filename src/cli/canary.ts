// The command `canary`: a short spoken session with each upstream, to learn of events, fields and values that the relay's tables do not know yet.
import type { Config } from '../config/config.js'
import { loadConfig } from '../config/load.js'
import { type Unknown, unknownIn } from '../core/policy/unknown.js'
import { codeLabel } from '../core/policy/upstream-codes.js'
import { type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import type { Wire } from '../core/protocol/wire.js'
import { wireFor } from '../core/protocol/wires.js'
import { createUpstreams } from '../server/upstreams.js'
import { checkTools } from '../tools/check.js'
import type { NamedUpstream } from '../upstream/fail-over.js'
import { UsageError } from './commands.js'

export type CanaryOutcome = 'known' | 'unknown' | 'failed'

/** For the whole session with one upstream. */
const SESSION_MS = 60_000
/** Of the answer that is said back to the service: speech by its own voice, so that no file is needed. */
const MOST_SPEECH_PIECES = 100
const SILENCE = Buffer.alloc(48_000).toString('base64')
const TOOL = { type: 'function', name: 'canary_time', description: 'The time of day.', parameters: { type: 'object', properties: {} } }

/** Rejects with a `ConfigError`, or a `UsageError` if no upstream has this name. */
export async function canary(name: string | undefined, print: (line: string) => void): Promise<CanaryOutcome> {
  const config = loadConfig(checkTools)
  const silent = { debug() {}, info() {}, warn() {}, error() {} }
  const upstreams = createUpstreams(config, silent).filter((one) => name === undefined || one.config.name === name)
  if (upstreams.length === 0) throw new UsageError(`There is no upstream ${JSON.stringify(name)}.`, 'canary')
  const outcomes: CanaryOutcome[] = []
  for (const upstream of upstreams) outcomes.push(await ask(upstream, config, print))
  if (outcomes.includes('failed')) return 'failed'
  return outcomes.includes('unknown') ? 'unknown' : 'known'
}

async function ask({ config: { name }, provider }: NamedUpstream, config: Config, print: (line: string) => void): Promise<CanaryOutcome> {
  try {
    const seen = await hold(provider, config)
    for (const [what, count] of seen.unknown) print(`${name}: ${what} (${count})`)
    if (seen.ended !== 'whole') print(`${name}: the session was not whole: ${seen.ended}`)
    else print(`${name}: ${seen.events} events of ${seen.types.size} types, ${seen.unknown.size === 0 ? 'all known' : `${seen.unknown.size} things unknown`}`)
    if (seen.ended !== 'whole') return 'failed'
    return seen.unknown.size > 0 ? 'unknown' : 'known'
  } catch {
    print(`${name}: not reached; \`realtime-relay check\` says why`)
    return 'failed'
  } finally {
    await provider.close()
  }
}

interface Seen {
  readonly unknown: ReadonlyMap<string, number>
  readonly types: ReadonlySet<string>
  readonly events: number
  /** `whole`, or at which step it ended. Never a text of the service. */
  readonly ended: string
}

/** Typed turn with a tool, its answer said back as speech, and an item read again and deleted. */
async function hold(provider: NamedUpstream['provider'], config: Config): Promise<Seen> {
  const { link, dialect } = await provider.dial({ correlationId: 'canary', signal: AbortSignal.timeout(SESSION_MS) })
  const wire = wireFor(dialect, 'upstream')
  const unknown = new Map<string, number>()
  const types = new Set<string>()
  let events = 0
  return new Promise((resolve) => {
    const course = createCourse(config, (event) => {
      for (const text of wire.write(event)) link.send(text)
    })
    const end = (ended: string) => {
      clearTimeout(timer)
      link.close(1000, '')
      resolve({ unknown, types, events, ended })
    }
    const timer = setTimeout(() => end(`no answer at ${course.step}`), SESSION_MS)
    link.onClose(() => end(course.step === 'whole' ? 'whole' : `closed at ${course.step}`))
    link.onFrame((frame, isBinary) => {
      events++
      for (const one of read(wire, frame, isBinary)) {
        if (one.event) types.add(one.event.type)
        for (const what of one.unknown) unknown.set(what, (unknown.get(what) ?? 0) + 1)
        if (one.event) course.next(one.event)
      }
      if (course.step === 'whole' || course.step.startsWith('refused')) end(course.step)
    })
    link.resume()
  })
}

function read(wire: Wire, frame: Buffer, isBinary: boolean): readonly { readonly event?: RealtimeEvent; readonly unknown: readonly string[] }[] {
  const reading = wire.read(frame, isBinary)
  if (!reading.ok) return [{ unknown: [`a message that is no event (${reading.problem})`] }]
  return reading.events.map((event) => ({ event, unknown: unknownIn(event).map(wordsOf) }))
}

function wordsOf({ kind, where, value }: Unknown): string {
  return `unknown ${kind}: ${where}${value === undefined ? '' : ` = ${value}`}`
}

interface Course {
  readonly step: string
  next(event: RealtimeEvent): void
}

/** What is sent when. Each step waits for the one event that ends it. */
function createCourse(config: Config, send: (event: RealtimeEvent) => void): Course {
  let step = 'session.created'
  const speech: string[] = []
  let lastItem = ''
  const reply = () => send({ type: 'response.create' })
  return {
    get step() {
      return step
    },
    next(event) {
      if (event.type === 'error') {
        const code = stringAt(objectAt(event, 'error'), 'code')
        step = `refused at ${step}: ${codeLabel(code ?? 'none')}`
      } else if (step === 'session.created' && event.type === 'session.created') {
        step = 'session.updated'
        send({
          type: 'session.update',
          session: { ...config.profiles.default?.session, type: 'realtime', instructions: 'Answer in one short sentence.', tools: [TOOL], tool_choice: 'auto' },
        })
      } else if (step === 'session.updated' && event.type === 'session.updated') {
        step = 'typed turn'
        send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'What time is it? Use the tool.' }] } })
        reply()
      } else if (event.type === 'response.output_audio.delta') {
        if (speech.length < MOST_SPEECH_PIECES) speech.push(String(event.delta))
      } else if (event.type === 'response.output_item.done') {
        const item = objectAt(event, 'item')
        lastItem = stringAt(item, 'id') ?? lastItem
        if (item?.type === 'function_call') answerCall(item, send)
      } else if (event.type === 'response.done') afterResponse(event)
      else if (step === 'item read' && event.type === 'conversation.item.retrieved') {
        step = 'item deleted'
        send({ type: 'conversation.item.delete', item_id: lastItem })
      } else if (step === 'item deleted' && event.type === 'conversation.item.deleted') step = 'whole'
    },
  }

  function afterResponse(event: RealtimeEvent): void {
    const output = objectAt(event, 'response')?.output
    const called = Array.isArray(output) && output.some((item) => (item as JsonObject | null)?.type === 'function_call')
    if (called) reply()
    else if (step === 'typed turn' && speech.length > 0) {
      step = 'spoken turn'
      for (const audio of [...speech, SILENCE, SILENCE]) send({ type: 'input_audio_buffer.append', audio })
    } else {
      step = 'item read'
      send({ type: 'conversation.item.retrieve', item_id: lastItem })
    }
  }
}

function answerCall(item: JsonObject, send: (event: RealtimeEvent) => void): void {
  send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: stringAt(item, 'call_id') ?? '', output: 'Noon.' } })
}
