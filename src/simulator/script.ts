// What a script may say: when an answer is given, and its steps. The JSON Schema for editors is made of the same rules.
import type { Json, JsonObject } from '../core/protocol/events.js'
import { type EndFault, FAULTS, type Faults } from './faults.js'
import { schemaOf } from './json-schema.js'
import { any, arrayOf, flag, integer, keyed, mapOf, nullable, object, oneOf, type Rule, stringOr, text } from './validate.js'

/** All that is given must be true. Without any, the answer fits whatever no answer above it fits. */
export interface ScriptCondition {
  /** Words of the user's last turn: `the weather in {city}`, or `/a pattern/i` with named groups. Several: one of them. */
  readonly says?: string | readonly string[]
  /** A result of this tool came and was not answered yet; `*`: of any tool. */
  readonly result?: string
  /** The how-manieth response of the session, from 1. */
  readonly turn?: number
  /** A client event's type, as the client spells it. Its steps run when the event comes; with `error` it is not handled. */
  readonly event?: string
}

export type ScriptStep =
  | { readonly say: string }
  /** `audio`: a WAV file, from the script's folder. */
  | { readonly audio: string; readonly transcript?: string }
  | { readonly call: { readonly name: string; readonly arguments?: JsonObject } }
  | { readonly wait: number }
  /** The response fails with this code. */
  | { readonly fail: string }
  | { readonly error: { readonly code?: string | null; readonly message: string; readonly type?: string; readonly param?: string | null } }
  | { readonly end: Pick<EndFault, 'how' | 'code' | 'reason' | 'sidebandsOnly'> }
  | { readonly faults: Faults }
  /** An event of the server in GA spelling; it gets an `event_id`. */
  | { readonly send: JsonObject & { readonly type: string } }
  /** A client event in GA spelling, as if another client of the conversation had sent it. */
  | { readonly inject: JsonObject & { readonly type: string } }

export interface ScriptAnswer {
  readonly on?: ScriptCondition
  /** How often a session may have it; absent: always. */
  readonly times?: number
  readonly reply: readonly ScriptStep[]
}

/** A script as it is written, in YAML, in JSON or as an object. */
export interface ScriptDocument {
  /** For `{name}` in texts and arguments. */
  readonly variables?: Readonly<Record<string, Json>>
  /** What the spoken turns of a session say, in order; the last one again for every later turn. */
  readonly hears?: readonly string[]
  readonly answers?: readonly ScriptAnswer[]
}

const name = text(256)
const STEP = keyed({
  say: object({ say: text() }),
  audio: object({ audio: text(4096), transcript: text() }),
  call: object({ call: object({ name: text(128), arguments: mapOf(any, 1000, 256) }, ['name']) }),
  wait: object({ wait: integer(0, 600_000) }),
  fail: object({ fail: text(64) }),
  error: object({ error: object({ code: nullable(text(64)), message: text(4000), type: text(64), param: nullable(name) }, ['message']) }),
  end: object({ end: object({ how: oneOf('close', 'fin', 'rst', 'silence'), code: integer(1000, 4999), reason: text(123), sidebandsOnly: flag }, ['how']) }),
  faults: object({ faults: FAULTS }),
  send: object({ send: any }),
  inject: object({ inject: any }),
})
const CONDITION = object({ says: stringOr(text(4000), arrayOf(text(4000), 100)), result: name, turn: integer(1, 1_000_000), event: name })

export const SCRIPT: Rule = object({
  variables: mapOf(any, 1000, 256),
  hears: arrayOf(text(4000), 10_000),
  answers: arrayOf(object({ on: CONDITION, times: integer(1, 1_000_000), reply: arrayOf(STEP, 1000) }, ['reply']), 10_000),
})

/** What `simulate --script-schema` prints. */
export function scriptSchema(): JsonObject {
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'A script of realtime-relay simulate', ...schemaOf(SCRIPT) }
}
