// The published types beside those of the package `openai`: which events go from one to the other as they are, and why the others do not.
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { unionTypes } from '../support/openai-unions.js'
import { compile } from './fitting.js'

const OURS = fileURLToPath(new URL('../../src/events/events.js', import.meta.url))
const THEIRS = fileURLToPath(new URL('../../node_modules/openai/resources/realtime/realtime.mjs', import.meta.url))

type Side = 'Client' | 'Server'
type Way = 'to openai' | 'from openai'

/** Why, and what of the compiler's words shows that it is this reason. */
interface Reason {
  readonly because: string
  readonly words: RegExp
}

const NULLS: Reason = { because: 'recorded sessions have null here, which openai does not declare', words: /'null' is not assignable to type '(string|NoiseReduction)'/ }
const VOICE: Reason = { because: 'a voice may be an object with an id, which openai has in requests alone', words: /\{ id: string; \}' is not assignable to type '"alloy"/ }
const NAME: Reason = { because: 'an upstream of preview leaves the name out', words: /'name' is optional/ }
const PARTS: Reason = { because: 'openai has one loose part; here its type tells its fields', words: /'"output_text"' is not assignable to type '"output_audio"'/ }
const FORMAT: Reason = { because: 'openai lets a format go without its type and rate, which the service refuses', words: /'type' is optional in type 'AudioPCM'/ }
const SURE: Reason = {
  because: 'every recorded response has id, object, status, output and usage, which openai has as optional',
  words: /'object' is optional in type 'RealtimeResponse'/,
}

const SESSION: Reason = {
  because: 'openai types a session in force as a request for one, without id',
  words: /missing the following properties|is missing in type|'type' is optional/,
}

const ITEMS = [
  'conversation.item.created',
  'conversation.item.added',
  'conversation.item.done',
  'conversation.item.retrieved',
  'response.output_item.added',
  'response.output_item.done',
]
const RESPONSES = ['response.created', 'response.done']
const each = (types: readonly string[], reason: Reason) => Object.fromEntries(types.map((type) => [type, reason]))

const DIFFERENT: Readonly<Record<Side, Readonly<Record<Way, Readonly<Record<string, Reason>>>>>> = {
  Client: {
    'to openai': each(['conversation.item.create', 'response.create', 'session.update'], NULLS),
    'from openai': { 'conversation.item.create': PARTS, ...each(['response.create', 'session.update'], FORMAT) },
  },
  Server: {
    'to openai': {
      ...each([...ITEMS, 'conversation.item.input_audio_transcription.failed', 'session.created', 'session.updated'], NULLS),
      ...each(RESPONSES, VOICE),
      'response.function_call_arguments.done': NAME,
    },
    'from openai': { ...each(ITEMS, PARTS), ...each(RESPONSES, SURE), ...each(['session.created', 'session.updated'], SESSION) },
  },
}

/** The events of a side that the compiler does not let pass, with its words. */
async function refused(side: Side, way: Way): Promise<Readonly<Record<string, string>>> {
  const types = unionTypes(`Realtime${side}Event`)
  const lines = types.map((type) => {
    const ours = `Ga${side}Events['${type}']`
    const theirs = `Extract<Realtime${side}Event, { type: '${type}' }>`
    const [from, to] = way === 'to openai' ? [ours, theirs] : [theirs, ours]
    return `export const pass${types.indexOf(type)} = (event: ${from}): ${to} => event`
  })
  const output = await compile(
    [`import type { Ga${side}Events } from ${JSON.stringify(OURS)}`, `import type { Realtime${side}Event } from ${JSON.stringify(THEIRS)}`, ...lines].join('\n'),
  )
  return Object.fromEntries([...output.matchAll(/^events\.ts\((\d+),\d+\): (.*(?:\n .*)*)/gm)].map(([, line, why]) => [types[Number(line) - 3] ?? `line ${line}`, why ?? '']))
}

describe.each(['Client', 'Server'] as const)('the %s events of both', (side) => {
  it.each(['to openai', 'from openai'] as const)('pass %s, but for some', async (way) => {
    const found = await refused(side, way)
    const different = DIFFERENT[side][way]
    expect(Object.keys(found).sort()).toEqual(Object.keys(different).sort())
    for (const [type, { words, because }] of Object.entries(different)) expect(found[type], `${type}: ${because}`).toMatch(words)
  })
})
