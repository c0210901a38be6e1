// Compiles a tool's JSON schema into a check of the model's arguments, with problems the model can repair.
import { createRequire } from 'node:module'
import type { Ajv, ErrorObject, Options } from 'ajv'
import type { FormatsPlugin } from 'ajv-formats'
import { cutToBytes } from '../core/protocol/errors.js'
import type { JsonObject } from '../core/protocol/events.js'
import type { ExactObject } from '../json/exact-json.js'
import { type CodeWords, comparable, compareExactly } from './exact-schema.js'

/** Loads with the first schema, without a wait, so that a relay without tools starts faster. */
const load = createRequire(import.meta.url)

/** Returns what is wrong with the arguments in one line, or undefined. */
export type ArgumentCheck = (args: ExactObject) => string | undefined

const MAX_PROBLEMS = 8
const MAX_PROBLEM_BYTES = 1000
const OPEN_SCHEMA_WORDS = ['additionalProperties', 'unevaluatedProperties', 'patternProperties', 'allOf', 'anyOf', 'oneOf', 'if', '$ref', '$dynamicRef', 'dependentSchemas']

/** A peer's regular expression can take minutes on a hostile string. The server that declared it checks it anyway. */
const ignorePatterns = Object.assign(() => ({ test: () => true }), { code: '(() => ({ test: () => true }))' })

/**
 * Throws ajv's error if the schema does not compile. `origin: 'operator'` refuses arguments that a plain schema does not declare, so that a back end
 * never receives a field that a model or a user made up. `origin: 'peer'` leaves that and `pattern` to the peer.
 */
export function compileSchema(parameters: JsonObject | undefined, origin: 'operator' | 'peer'): ArgumentCheck {
  const schema = parameters ?? { type: 'object', properties: {} }
  if (schema.type !== undefined && schema.type !== 'object') throw new Error('the type of parameters must be "object"')
  const options: Options = {
    strict: false,
    allErrors: true,
    validateFormats: true,
    logger: false,
    passContext: true,
    ...(origin === 'peer' ? { code: { regExp: ignorePatterns } } : {}),
  }
  const ajv = ajvFor(schema, options)
  compareExactly(ajv, load('ajv') as CodeWords)
  ;(load('ajv-formats') as { default: FormatsPlugin }).default(ajv, { mode: 'fast' })
  const closed = origin === 'operator' && schema.properties !== undefined && !OPEN_SCHEMA_WORDS.some((word) => Object.hasOwn(schema, word))
  const validate = ajv.compile(closed ? { ...schema, additionalProperties: false } : schema)
  return (args) => {
    const { plain, digits } = comparable(args)
    return validate.call({ digits }, plain) ? undefined : describe(validate.errors ?? [])
  }
}

function ajvFor(schema: JsonObject, options: Options): Ajv {
  const draft = typeof schema.$schema === 'string' ? schema.$schema : ''
  const name = draft.includes('2020-12') ? 'ajv/dist/2020.js' : draft.includes('2019-09') ? 'ajv/dist/2019.js' : 'ajv'
  const { default: DraftAjv } = load(name) as { default: new (options: Options) => Ajv }
  return new DraftAjv(options)
}

function describe(errors: readonly ErrorObject[]): string {
  const lines = new Set(errors.map((error) => `${error.instancePath || '/'} ${error.message ?? 'is not valid'}${detail(error)}`))
  return cutToBytes([...lines].slice(0, MAX_PROBLEMS).join('; '), MAX_PROBLEM_BYTES)
}

function detail(error: ErrorObject): string {
  if (error.keyword === 'additionalProperties') return ` (${String(error.params.additionalProperty)})`
  if (error.keyword === 'enum') return `: ${JSON.stringify(error.params.allowedValues)}`
  if (error.keyword === 'const') return `: ${JSON.stringify(error.params.allowedValue)}`
  return ''
}
