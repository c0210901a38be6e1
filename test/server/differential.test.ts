// The same conversation with the same upstream, once through the relay and once directly. Everything that is not hidden arrives byte for byte, in order.
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { connectClient, type RealtimeClient, type ReceivedEvent } from '../support/realtime-client.js'
import { API_KEY, DEPLOYMENT, type RunningRelay, runRelay } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'

const SERVER_TOOLS = new Set(['get_weather', 'lookup_order'])
const TOOL_ANSWERS: Readonly<Record<string, string>> = { get_weather: 'sunny in Lisbon', lookup_order: 'order 77 of alice is on its way' }

let running: RunningRelay
beforeAll(async () => {
  running = await runRelay({
    env: { SESSION: JSON.stringify({ audio: { input: { transcription: { model: 'whisper-1' } } } }) },
    // Any limit of the deployment would be shared by both conversations, and so differ.
    simulator: { rateLimits: 'both', heardText: 'What is the weather in Lisbon?' },
  })
})
afterAll(() => running.close())

/** A client's conversation. `tools` answers calls of the server's tools if there is no relay. */
type Scenario = (client: RealtimeClient, tools: (from: number) => Promise<void>) => Promise<void>

const say = (client: RealtimeClient, text: string, response?: JsonObject) => {
  client.send({ type: 'conversation.item.create', event_id: 'event_say', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
  client.send({ type: 'response.create', event_id: 'event_create', ...(response && { response }) })
}

async function turn(client: RealtimeClient, text: string, tools: (from: number) => Promise<void>, response?: JsonObject): Promise<void> {
  const from = client.events.length
  say(client, text, response)
  await tools(from)
  await client.next((event) => event.type === 'response.done' && isMessage(event), { from })
}

const isMessage = (event: ReceivedEvent) => (event.response as { output: { type: string }[] }).output.every((item) => item.type === 'message')

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'an answer aloud': (client, tools) => turn(client, 'Good morning to you', tools),

  'an answer in text, with metadata': (client, tools) =>
    turn(client, 'Good morning — “ünïcödé” 🎈 \\ " \u2028', tools, { output_modalities: ['text'], metadata: { turn: 'first' } }),

  'a spoken turn, found by voice detection': async (client, tools) => {
    const from = client.events.length
    for (const audio of appendable(silence(300), tone(900), silence(900))) client.send({ type: 'input_audio_buffer.append', audio })
    await tools(from)
    await client.next((event) => event.type === 'response.done' && isMessage(event), { from })
  },

  'a tool of the server': (client, tools) => turn(client, 'What is the weather in Lisbon?', tools),

  'two tools of the server in one response, then an ordinary turn': async (client, tools) => {
    await turn(client, 'Tell me the weather in Lisbon and look up order 77', tools)
    await turn(client, 'Thank you very much', tools)
  },

  'a tool of the client': async (client, tools) => {
    say(client, 'Please show hello on screen')
    const call = await client.next('response.function_call_arguments.done')
    await client.next('response.done')
    const from = client.events.length
    client.send({ type: 'conversation.item.create', item: { id: 'item_shown', type: 'function_call_output', call_id: call.call_id, output: 'it is on screen' } })
    client.send({ type: 'response.create' })
    await client.next('response.done', { from })
    await turn(client, 'Fine', tools)
  },

  'items by the client’s own ids: retrieved, truncated, deleted': async (client, tools) => {
    client.send({ type: 'conversation.item.create', item: { id: 'item_one', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'first' }] } })
    client.send({
      type: 'conversation.item.create',
      previous_item_id: 'root',
      item: { id: 'item_zero', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'before it' }] },
    })
    await turn(client, 'And then?', tools)
    const spoken = client.events.findLast((event) => event.type === 'response.output_item.done')?.item as { id: string }
    client.send({ type: 'conversation.item.truncate', item_id: spoken.id, content_index: 0, audio_end_ms: 200 })
    client.send({ type: 'conversation.item.retrieve', item_id: 'item_one' })
    client.send({ type: 'conversation.item.delete', item_id: 'item_zero' })
    await client.next('conversation.item.deleted')
  },

  'mistakes that only the upstream can find': async (client, tools) => {
    client.send({ type: 'conversation.item.delete', event_id: 'event_bad', item_id: 'item_nobody' })
    client.send({ type: 'response.cancel', event_id: 'event_cancel' })
    client.send({ type: 'input_audio_buffer.commit', event_id: 'event_commit' })
    client.send({ type: 'input_audio_buffer.clear' })
    await client.next('input_audio_buffer.cleared')
    await turn(client, 'Never mind', tools)
  },

  'turns by hand, without voice detection': async (client, tools) => {
    client.send({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: null } } } })
    await client.next('session.updated')
    for (const audio of appendable(tone(600))) client.send({ type: 'input_audio_buffer.append', audio })
    client.send({ type: 'input_audio_buffer.commit' })
    await client.next('conversation.item.input_audio_transcription.completed')
    const from = client.events.length
    client.send({ type: 'response.create' })
    await tools(from)
    await client.next((event) => event.type === 'response.done' && isMessage(event), { from })
  },
}

async function throughRelay(scenario: Scenario): Promise<string[]> {
  const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token())
  await client.next('session.created')
  await scenario(client, async () => undefined)
  client.close()
  await client.closed()
  return client.frames
}

/** The conversation without a relay: the test sets the session as the relay would and runs the tools. */
async function direct(scenario: Scenario): Promise<string[]> {
  const url = `${running.simulator.url.replace(/^http/, 'ws')}/openai/v1/realtime?model=${DEPLOYMENT}`
  const client = await connectClient(url, API_KEY)
  await client.next('session.created')
  const opening = running.simulator.received.flatMap(({ events }) => events).find((event) => event.type === 'session.update') as JsonObject
  client.send(opening)
  await client.next('session.updated')
  const from = client.events.length
  client.events.splice(0, from)
  client.frames.splice(0, from)
  await scenario(client, (start) => answerCalls(client, start))
  client.close()
  await client.closed()
  return client.frames
}

async function answerCalls(client: RealtimeClient, from: number): Promise<void> {
  await client.next('response.done', { from })
  const calls = client.events
    .slice(from)
    .flatMap((event) => (event.type === 'response.output_item.done' ? [event.item as JsonObject] : []))
    .filter(isServerCall)
  if (calls.length === 0) return
  for (const { call_id, name } of calls)
    client.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: String(call_id), output: TOOL_ANSWERS[String(name)] } })
  client.send({ type: 'response.create' })
}

const isServerCall = (item: JsonObject) => item.type === 'function_call' && SERVER_TOOLS.has(String(item.name))

/** What a client may see of a direct conversation, by a rule of its own: no call of the server's, no item of theirs, no response that held nothing else. */
function visible(frames: readonly string[]): string[] {
  const events = frames.map((frame) => JSON.parse(frame) as JsonObject)
  const hidden = new Map<string, string | null>()
  const calls = new Set<string>()
  const shells = new Set<string>()
  for (const event of events) {
    const item = event.item as JsonObject | undefined
    if (item && (isServerCall(item) || (item.type === 'function_call_output' && calls.has(String(item.call_id))))) {
      calls.add(String(item.call_id))
      if (event.type === 'conversation.item.added') hidden.set(String(item.id), (event.previous_item_id as string | null) ?? null)
      else if (!hidden.has(String(item.id))) hidden.set(String(item.id), null)
    }
    const response = event.response as { id: string; output: JsonObject[] } | undefined
    if (event.type === 'response.done' && response && response.output.length > 0 && response.output.every(isServerCall)) shells.add(response.id)
  }
  const shown = (id: string | null): string | null => (id !== null && hidden.has(id) ? shown(hidden.get(id) ?? null) : id)
  return events.flatMap((event, index) => {
    const itemId = (event.item as JsonObject | undefined)?.id ?? event.item_id
    const responseId = (event.response as JsonObject | undefined)?.id
    if (event.type === 'rate_limits.updated' || hidden.has(String(itemId)) || shells.has(String(responseId))) return []
    const previous = event.previous_item_id
    const repaired = typeof previous === 'string' && hidden.has(previous)
    return [repaired ? JSON.stringify({ ...event, previous_item_id: shown(previous) }) : (frames[index] ?? '')]
  })
}

/** Replaces ids by the order in which they first appear, since two conversations have different ids. */
function withoutIds(frames: readonly string[]): string[] {
  const known = new Map<string, string>()
  const counts = new Map<string, number>()
  return frames.map((frame) =>
    frame.replace(/"(item|resp|event|conv|call|sess)_[A-Za-z0-9]{16,}"/g, (id, kind: string) => {
      if (!known.has(id)) {
        counts.set(kind, (counts.get(kind) ?? 0) + 1)
        known.set(id, `"${kind} ${counts.get(kind)}"`)
      }
      return known.get(id) ?? id
    }),
  )
}

/** The relay speaks of the session in its own words: instructions and tools are not the client's. */
const beyondTheSession = (frames: readonly string[]) => frames.filter((frame) => !/^\{"type":"session\.(created|updated)"/.test(frame))

/** The relay may hold `response.created` back until the first event of its response, so in both conversations it is moved there. */
function createdAtFirstUse(frames: readonly string[]): string[] {
  const waiting = new Map<string, string>()
  return frames.flatMap((frame) => {
    const event = JSON.parse(frame) as JsonObject
    const id = String(event.response_id ?? (event.response as JsonObject | undefined)?.id ?? (waiting.size > 0 && isAnswer(event) ? [...waiting.keys()][0] : ''))
    if (event.type === 'response.created') {
      waiting.set(id, frame)
      return []
    }
    const created = waiting.get(id)
    waiting.delete(id)
    return created === undefined ? [frame] : [created, frame]
  })
}

const isAnswer = (event: JsonObject) => event.type === 'conversation.item.added' && (event.item as JsonObject).role === 'assistant'

/** Replaces long audio by its hash, so that a difference is readable. */
const readable = (frames: readonly string[]) =>
  frames.map((frame) => frame.replace(/"[A-Za-z0-9+/=]{200,}"/g, (audio) => `"sha256 ${createHash('sha256').update(audio).digest('hex').slice(0, 16)}"`))

const comparable = (frames: readonly string[]) => readable(withoutIds(createdAtFirstUse(beyondTheSession(frames))))
const typesOf = (frames: readonly string[]) => frames.map((frame) => (JSON.parse(frame) as { type: string }).type)

describe('relay against direct connection', () => {
  it.each(Object.entries(SCENARIOS))('%s', async (_name, scenario) => {
    const relayed = comparable(await throughRelay(scenario))
    const unrelayed = comparable(visible(await direct(scenario)))
    expect(relayed.length).toBeGreaterThan(5)
    expect(typesOf(relayed)).toEqual(typesOf(unrelayed))
    expect(relayed).toEqual(unrelayed)
  })
})
