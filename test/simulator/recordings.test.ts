// Recorded sessions replayed to the simulator: the same client events cause the same kinds of events in the same order, with the same keys.
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isObject, type Json, type JsonObject, type RealtimeEvent } from '../../src/core/protocol/events.js'
import { startSimulator } from '../../src/simulator/simulator.js'
import { appends, type Client, connect, GA_PATH, shape, tone } from './client.js'

const FOLDER = '../shared/recordings'
const absent = !existsSync(FOLDER)

interface Line {
  readonly from: 'client' | 'server'
  readonly event: RealtimeEvent
}

/** File, style, and the words of its spoken turns. */
const SESSIONS: [string, 'azure' | 'openai', string | undefined][] = [
  ['azure-ga/text-in-audio-out.jsonl', 'azure', undefined],
  ['azure-ga/webrtc-sideband-text-turn.jsonl', 'azure', undefined],
  ['azure-ga/server-vad-transcribed-turn.jsonl', 'azure', 'Hello, my name is Marcelo.'],
  ['azure-ga/spoken-turn-tool-call-audio-answer.jsonl', 'azure', 'Hello, my name is Marcelo.'],
  ['openai-ga/history-seeding.jsonl', 'openai', undefined],
  ['openai-ga/server-vad-turn.jsonl', 'openai', 'Hello, my name is Marcelo.'],
]

describe.skipIf(absent)(`recorded sessions${absent ? ' (skipped: the recordings are not beside the project)' : ''}`, () => {
  it.each(SESSIONS)('%s', async (file, style, heard) => {
    const lines = readFileSync(`${FOLDER}/${file}`, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
    const recorded = lines.filter((line) => line.from === 'server').map((line) => line.event)
    const simulator = await startSimulator({ style, rateLimits: false, speed: Number.POSITIVE_INFINITY, ...(heard !== undefined && { heardText: heard }) })
    const client = await connect(simulator, style === 'azure' ? GA_PATH : '/v1/realtime?model=gpt-realtime', style === 'azure' ? { 'api-key': 'k' } : { authorization: 'Bearer k' })
    await play(client, lines)
    await simulator.close()

    const played = recorded[0]?.type === 'session.created' ? client.events : client.events.slice(1)
    expect(shape(played.filter(inOrder))).toEqual(shape(recorded.filter(inOrder)))
    expect(new Set(played.map((event) => event.type))).toEqual(new Set(recorded.map((event) => event.type)))
    expect(keysByKind(played)).toEqual(keysByKind(recorded))
    expect(links(played)).toEqual(links(recorded))
  })
})

/** Without transcription events, whose time is not fixed. */
function inOrder(event: RealtimeEvent): boolean {
  return !event.type.startsWith('conversation.item.input_audio_transcription.')
}

/** Sends the recorded client's events, each after the event it waited for. Recorded sound is cut short, so a tone replaces it. */
async function play(client: Client, lines: readonly Line[]): Promise<void> {
  let spoken = false
  let calls = 0
  await client.next('session.created')
  for (const { from, event } of lines) {
    if (from !== 'client') continue
    if (event.type === 'input_audio_buffer.append') {
      if (!spoken) for (const append of appends(Buffer.concat([tone(300, 0), tone(600), tone(400, 0)]))) client.send(append)
      spoken = true
    } else if (isObject(event.item) && event.item.type === 'function_call_output') {
      const call = await client.next('response.function_call_arguments.done')
      await client.next('response.done')
      client.send({ ...event, item: { ...event.item, call_id: call.call_id ?? null } })
      calls++
    } else {
      client.send(event)
      if (event.type === 'session.update') await client.next('session.updated')
    }
  }
  await client.next('response.done')
  const transcribes = lines.some((line) => !inOrder(line.event))
  if (transcribes && !client.events.some((event) => event.type.endsWith('transcription.completed'))) await client.next('conversation.item.input_audio_transcription.completed')
  expect(calls).toBe(lines.filter((line) => line.from === 'client' && isObject(line.event.item) && line.event.item.type === 'function_call_output').length)
}

/** The key paths of each kind of event, without the caller's own parts (tools) and padding. */
function keysByKind(events: readonly RealtimeEvent[]): Record<string, string[]> {
  const kinds: Record<string, Set<string>> = {}
  for (const event of events) {
    const kind = `${event.type} ${isObject(event.item) ? `${event.item.type} ${event.item.status}` : ''}`
    kinds[kind] ??= new Set()
    collect(event, '', kinds[kind])
  }
  return Object.fromEntries(Object.entries(kinds).map(([kind, keys]) => [kind, [...keys].sort()]))
}

function collect(value: Json, path: string, keys: Set<string>): void {
  if (Array.isArray(value)) for (const inner of value) collect(inner, `${path}[]`, keys)
  if (!isObject(value)) return
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'obfuscation' || key === 'parameters') continue
    keys.add(`${path}.${key}`)
    collect(inner, `${path}.${key}`, keys)
  }
}

/** The order of the items, with ids replaced by the order in which they first appear. */
function links(events: readonly RealtimeEvent[]): string[] {
  const seen = new Map<string, number>()
  const nth = (id: Json | undefined) => {
    if (typeof id !== 'string') return 'none'
    if (!seen.has(id)) seen.set(id, seen.size)
    return String(seen.get(id))
  }
  return events
    .filter((event) => /^conversation\.item\.(added|done)$|committed$/.test(event.type))
    .map((event) => `${event.type} ${nth((event.item as JsonObject | undefined)?.id ?? event.item_id)} after ${nth(event.previous_item_id)}`)
}
