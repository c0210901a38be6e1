// Generates client frames that are almost events: repeated keys, odd spellings of keys, prototype names, deep nesting, huge numbers.

import { CLIENT_RULES } from '../../src/core/policy/client-rules.js'
import { anyCharacter } from './any-character.js'
import { fc } from './property.js'

const NAMES = [
  ...['type', 'event_id', 'session', 'response', 'item', 'audio', 'item_id', 'previous_item_id', 'instructions', 'tools', 'tool_choice', 'prompt', 'tracing', 'model', 'include'],
  ...[
    'metadata',
    'conversation',
    'input',
    'output',
    'voice',
    'role',
    'content',
    'text',
    'call_id',
    'id',
    'max_output_tokens',
    'output_modalities',
    'turn_detection',
    'transcription',
  ],
  ...['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', 'toJSON', 'of_next_year', ''],
]
const VALUES = [
  ...Object.keys(CLIENT_RULES),
  ...[
    'realtime',
    'transcription',
    'message',
    'function_call_output',
    'function_call',
    'item_reference',
    'mcp_approval_response',
    'user',
    'system',
    'assistant',
    'input_text',
    'input_audio',
  ],
  ...['input_image', 'none', 'auto', 'cedar', 'server_vad', 'AAAA', 'item_hidden', 'item_seen', 'call_open', 'root', 'inf', '\u2028', '\u0000', '\ud800', '😀', '"}', '\\'],
]
const NUMBERS = ['0', '-0', '1', '4096', '1e3', '1E400', '-1e400', '1e-400', '0.1', '9'.repeat(30), '9'.repeat(400), '10000000000000000999', '1.5']

/** The key as JSON text in some spelling: plain, escaped, in another case, with a look-alike letter or an invisible character. */
const key = fc.tuple(fc.constantFrom(...NAMES), fc.integer({ min: 0, max: 9 })).map(([name, spelling]) => {
  const text = JSON.stringify(name)
  if (name === '') return text
  switch (spelling) {
    case 0:
      return `"${[...name].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`
    case 1:
      return `"\\u00${name.charCodeAt(0).toString(16).toUpperCase()}${name.slice(1)}"`
    case 2:
      return JSON.stringify(name.toUpperCase())
    case 3:
      return JSON.stringify(name.replaceAll('s', 'ſ').replaceAll('k', '\u212a'))
    case 4:
      return JSON.stringify(`${name}\u200b`)
    default:
      return text
  }
})

const scalar = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...VALUES).map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.constantFrom(...NUMBERS, 'null', 'true', 'false', '"\\ud83d"', '"\\udc00x"') },
  { weight: 1, arbitrary: fc.string({ unit: anyCharacter, maxLength: 8 }).map((value) => JSON.stringify(value)) },
)

const { node } = fc.letrec<{ node: string; object: string; array: string }>((tie) => ({
  object: fc.array(fc.tuple(key, tie('node')), { maxLength: 5 }).map(objectText),
  array: fc.array(tie('node'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
  node: fc.oneof({ depthSize: 'medium', withCrossShrink: true }, scalar, tie('object'), tie('array')),
}))

function objectText(pairs: readonly (readonly [string, string])[]): string {
  return `{${pairs.map(([name, value]) => `${name}:${value}`).join(',')}}`
}

/** Mostly events of a known type with one or two known fields, so that many pass the check of the type. */
export const hostileFrame: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...Object.keys(CLIENT_RULES)),
    fc.array(fc.tuple(key, node), { maxLength: 4 }),
    fc.array(fc.tuple(fc.constantFrom('"session"', '"response"', '"item"', '"item_id"', '"audio"', '"event_id"'), node), { maxLength: 2 }),
    fc.integer({ min: 0, max: 6 }),
    fc.boolean(),
  )
  .map(([type, odd, known, at, padded]) => {
    const pairs: [string, string][] = [...odd, ...known]
    pairs.splice(Math.min(at, pairs.length), 0, ['"type"', JSON.stringify(type)])
    return padded ? ` ${objectText(pairs)}\n` : objectText(pairs)
  })

const LEGITIMATE: readonly string[] = [
  '{"type":"session.update","event_id":"c1","session":{"type":"realtime","audio":{"output":{"voice":"cedar"}},"output_modalities":["text"]}}',
  '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}}',
  '{"type":"response.create","response":{"metadata":{"a":"b"},"output_modalities":["text"]}}',
  '{"type":"input_audio_buffer.append","audio":"AAAA"}',
  '{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"call_open","output":"{}"}}',
]
const PIECES: readonly string[] = [
  ...['"', ',', '}', '{', ':', ' ', '\\', '\\u0074', '\u0000', '\ufeff', '//', 'NaN'],
  ...['"type":"response.create",', '"instructions":"x",', '"ſession":{},', '"A":"c",', '"SESSION":{"instructions":"x"},'],
]

/** A legitimate event with pieces inserted, between its tokens or anywhere. */
export const mutatedFrame: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom(...LEGITIMATE), fc.array(fc.tuple(fc.nat(), fc.boolean(), fc.constantFrom(...PIECES)), { maxLength: 3 }))
  .map(([legitimate, edits]) =>
    edits.reduce((text: string, [n, atSeam, piece]) => {
      const seams = [...text.matchAll(/[{,]/g)].map((seam) => seam.index + 1)
      const at = atSeam && seams.length > 0 ? (seams[n % seams.length] ?? 0) : n % (text.length + 1)
      return text.slice(0, at) + piece + text.slice(at)
    }, legitimate),
  )
