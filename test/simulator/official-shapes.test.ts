// Every server event of the simulator has the keys of the published example of its type.
import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { isObject, type Json, type RealtimeEvent } from '../../src/core/protocol/events.js'
import { startSimulator } from '../../src/simulator/simulator.js'
import { appends, connect, tone, update, userText } from './client.js'

const EXAMPLES = '../shared/protocol/events-ga.json'
/** Keys of examples that the service leaves out elsewhere, so they are not required. */
const OPTIONAL = new Set(['object', 'obfuscation', 'audio', 'format', 'text', 'strict', 'truncation', 'cached_tokens_details', 'image_tokens'])

it.skipIf(!existsSync(EXAMPLES))(
  `sends events shaped like the published examples${existsSync(EXAMPLES) ? '' : ' (skipped: the examples are not beside the project)'}`,
  async () => {
    const examples = (JSON.parse(readFileSync(EXAMPLES, 'utf8')) as { server: Record<string, RealtimeEvent[]> }).server
    const events = await everyKind()
    const types = new Set(events.map((event) => event.type))
    for (const event of events) {
      const known = examples[event.type]
      expect(known, `no published example of ${event.type}`).toBeDefined()
      const problems = (known ?? []).map((example) => missing(example, event, event.type))
      expect(problems.some((found) => found.length === 0) ? [] : problems[0], event.type).toEqual([])
    }
    expect(types.size).toBeGreaterThan(30)
  },
)

/** Keys and kinds of the example that the event lacks. Of an array, the first element of the same `type` is compared. */
function missing(example: Json | undefined, actual: Json | undefined, path: string): string[] {
  if (Array.isArray(example)) return Array.isArray(actual) ? actual.flatMap((inner) => missingInElement(example, inner, path)) : [`${path} is no array`]
  if (!isObject(example)) return example === null || actual === null || typeof example === typeof actual ? [] : [`${path} is ${typeof actual}, not ${typeof example}`]
  if (!isObject(actual)) return actual === null ? [] : [`${path} is no object`]
  // An example of another kind of item or part says nothing about this one.
  if (typeof example.type === 'string' && typeof actual.type === 'string' && example.type !== actual.type) return []
  return Object.keys(example).flatMap((key) => {
    if (key === 'parameters') return []
    if (Object.hasOwn(actual, key)) return missing(example[key], actual[key], `${path}.${key}`)
    return OPTIONAL.has(key) ? [] : [`${path}.${key} is missing`]
  })
}

function missingInElement(examples: readonly Json[], actual: Json, path: string): string[] {
  const like = examples.find((example) => isObject(example) && isObject(actual) && example.type === actual.type)
  return like === undefined ? [] : missing(like, actual, `${path}[]`)
}

/** A session in which the simulator sends every type that it knows. */
async function everyKind(): Promise<RealtimeEvent[]> {
  const simulator = await startSimulator({ speed: 200, rateLimits: 'both' })
  const client = await connect(simulator)
  const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
  client.send(
    update({
      output_modalities: ['text'],
      tools: [{ type: 'function', name: 'get_weather', description: 'x', parameters }],
      audio: { input: { transcription: { model: 'gpt-4o-transcribe' } } },
    }),
  )
  client.send(userText('weather in Rome'))
  client.send({ type: 'response.create' })
  const call = await client.next('response.function_call_arguments.done')
  await client.next('rate_limits.updated')
  client.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: call.call_id, output: 'sunny' } })
  client.send({ type: 'response.create' })
  await client.next('rate_limits.updated')
  client.send(update({ output_modalities: ['audio'], tools: [{ type: 'mcp', server_label: 'docs', server_url: 'https://mcp.example' }] }))
  await client.next('mcp_list_tools.failed')
  client.send(update({ tools: [] }))
  for (const event of appends(Buffer.concat([tone(400), tone(400, 0)]))) client.send(event)
  const audio = await client.next('response.output_audio.delta')
  await client.next('response.done')
  client.send({ type: 'conversation.item.truncate', item_id: audio.item_id, content_index: 0, audio_end_ms: 10 })
  client.send({ type: 'conversation.item.retrieve', item_id: audio.item_id })
  client.send({ type: 'conversation.item.delete', item_id: audio.item_id })
  client.send({ type: 'input_audio_buffer.clear' })
  client.send({ type: 'nope' })
  client.send(update({ audio: { input: { turn_detection: { type: 'server_vad', idle_timeout_ms: 5000 } } } }))
  client.send({ type: 'response.create' })
  await client.next('input_audio_buffer.timeout_triggered')
  await client.next('response.done')
  await simulator.close()
  return client.events
}
