// Reads what a token's claims must say, and which of their values chooses which profile.
import type { RequiredClaims } from '../core/policy/claim-values.js'
import { isObject, type JsonObject } from '../core/protocol/events.js'
import type { EnvReader, Problems } from './environment.js'
import { parseJson, quoted } from './json-fields.js'

const MOST_CLAIMS = 32
const MOST_VALUES = 1000
const NAME = /^[\u0021-\u007e]{1,256}$/
const MOST_TEXT = 1024

/** Undefined: nothing is required, or there is a mistake. */
export function readRequiredClaims(env: EnvReader, problems: Problems): RequiredClaims | undefined {
  const setting = 'JWT_REQUIRED_CLAIMS'
  const found = Object.entries(mapOf(env, setting, MOST_CLAIMS, problems) ?? {}).map(([name, value]) => {
    const values = Array.isArray(value) ? value : [value]
    if (!NAME.test(name) || name === '__proto__') problems.add(setting, `${quoted(name)} is no name of a claim`)
    if (values.length === 0 || values.length > MOST_VALUES || !values.every(isValue))
      problems.add(setting, `${quoted(name)} must be text, true or false, or a list of them: a number is written as text`)
    return [name, values.filter(isValue)] as const
  })
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

/** Undefined: the claim's values are themselves names of profiles, or there is a mistake. */
export function readProfileValues(env: EnvReader, profiles: Readonly<Record<string, unknown>>, problems: Problems): Readonly<Record<string, string>> | undefined {
  const setting = 'JWT_PROFILE_MAP'
  const map = mapOf(env, setting, MOST_VALUES, problems)
  if (!map) return undefined
  const found: [string, string][] = []
  for (const [value, profile] of Object.entries(map)) {
    // JSON's own order is kept for every name but these, and the first that fits wins.
    if (/^\d{1,10}$/.test(value) || value === '__proto__') problems.add(setting, `${quoted(value)} cannot be a value here: it would lose its place in the order`)
    else if (typeof profile !== 'string' || !Object.hasOwn(profiles, profile)) problems.add(setting, `${quoted(value)} names no profile that PROFILES_FILE has`)
    else found.push([value, profile])
  }
  return Object.fromEntries(found)
}

function isValue(value: unknown): value is string | boolean {
  return typeof value === 'boolean' || (typeof value === 'string' && value.length > 0 && value.length <= MOST_TEXT)
}

function mapOf(env: EnvReader, setting: 'JWT_REQUIRED_CLAIMS' | 'JWT_PROFILE_MAP', most: number, problems: Problems): JsonObject | undefined {
  const text = env.get(setting)
  if (text === undefined) return undefined
  const value = parseJson(text, setting, problems)
  if (value === undefined) return undefined
  const size = isObject(value) ? Object.keys(value).length : 0
  if (isObject(value) && size > 0 && size <= most) return value
  problems.add(setting, `must be a JSON object of 1 to ${most} names`)
  return undefined
}
