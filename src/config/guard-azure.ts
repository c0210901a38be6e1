// Reads how a guard asks Azure AI Content Safety.
import type { GuardSide } from '../core/policy/guards.js'
import { isObject } from '../core/protocol/events.js'
import type { EnvReader, Problems } from './environment.js'
import type { GuardRun } from './guard-config.js'
import { type Fields, fillNames, quoted } from './json-fields.js'
import { endpointUrl, matching, secretToken } from './parse.js'
import { ENTRA_SCOPE, VARIABLES } from './variables.js'

const CATEGORIES: readonly string[] = ['Hate', 'SelfHarm', 'Sexual', 'Violence']
/** The service's "medium" on its scale of 0 to 7. */
const DEFAULT_SEVERITY = 4
const API_VERSION = '2024-09-01'
const BLOCKLIST = /^[0-9A-Za-z._~-]{1,64}$/
const version = matching(/^\d{4}-\d{2}-\d{2}(-preview)?$/, 'a dated version such as 2024-09-01')

export function readAzureGuard(fields: Fields, on: readonly GuardSide[], { env, problems }: { readonly env: EnvReader; readonly problems: Problems }): GuardRun | undefined {
  const text = fields.need('endpoint')
  const filled = text === undefined ? '' : fillNames(text, `${fields.subject} endpoint`, problems, env)
  const endpoint = filled === '' ? undefined : endpointUrl(filled)
  if (endpoint && 'problem' in endpoint) fields.bad('endpoint', endpoint.problem)
  const apiKey = readKey(fields, env, problems)
  const entra = fields.raw('entra')
  const scope = typeof entra === 'string' ? fields.parsed('entra', VARIABLES.AZURE_OPENAI_SCOPE.parse) : ENTRA_SCOPE
  if (entra !== undefined && typeof entra !== 'boolean' && typeof entra !== 'string') fields.bad('entra', 'must be true, or the scope of the token')
  const wantsEntra = entra !== undefined && entra !== false
  if (fields.has('apiKey') === wantsEntra) fields.bad('apiKey', wantsEntra ? 'and entra are both set: keep one' : 'is missing, and entra is not true: set one of them')
  const apiVersion = fields.parsed('apiVersion', version) ?? API_VERSION
  const promptShield = fields.boolean('promptShield', false)
  if (promptShield && !on.includes('input') && !on.includes('tool_output')) fields.bad('promptShield', 'reads "input" and "tool_output", and this guard is on neither')
  const categories = readCategories(fields)
  const blocklists = fields.strings('blocklists') ?? []
  for (const name of blocklists) if (!BLOCKLIST.test(name)) fields.bad('blocklists', `names ${quoted(name)}, which can be no name of a blocklist`)
  const analyses = Object.keys(categories).length + blocklists.length > 0
  if (!analyses && !promptShield) fields.bad('categories', 'is empty, and there are neither blocklists nor promptShield: nothing would be asked')
  else if (!analyses && on.some((side) => side !== 'input' && side !== 'tool_output'))
    fields.bad('categories', 'is empty, and promptShield reads neither "output" nor "tool_arguments"')
  if (!endpoint || 'problem' in endpoint) return undefined
  return { kind: 'azure', endpoint: endpoint.value, apiKey, scope: scope ?? ENTRA_SCOPE, apiVersion, categories, blocklists, promptShield }
}

function readKey(fields: Fields, env: EnvReader, problems: Problems) {
  const text = fields.string('apiKey')
  if (text === undefined) return undefined
  const filled = fillNames(text, `${fields.subject} apiKey`, problems, env)
  const parsed = secretToken(filled)
  if ('value' in parsed) return parsed.value
  if (filled !== '' || text === '') fields.bad('apiKey', parsed.problem)
  return undefined
}

/** All four by default. A list has those of `severity`, an object those of their own. */
function readCategories(fields: Fields): Readonly<Record<string, number>> {
  const severity = fields.number('severity', severityOf) ?? DEFAULT_SEVERITY
  const value = fields.raw('categories') ?? [...CATEGORIES]
  const listed = isObject(value) ? Object.entries(value) : Array.isArray(value) ? value.map((name) => [name, severity] as const) : undefined
  if (!listed) {
    fields.bad('categories', `must be a list of ${CATEGORIES.join(', ')}, or an object with a severity for each`)
    return {}
  }
  const found: Record<string, number> = {}
  for (const [name, from] of listed) {
    const checked = typeof from === 'number' ? severityOf(String(from)) : { problem: 'must be a number' }
    if (typeof name !== 'string' || !CATEGORIES.includes(name)) fields.bad('categories', `names ${quoted(String(name))}, and the service has ${CATEGORIES.join(', ')}`)
    else if ('problem' in checked) fields.bad('categories', `${name} ${checked.problem}`)
    else found[name] = checked.value
  }
  return found
}

function severityOf(text: string): { readonly value: number } | { readonly problem: string } {
  return /^[1-7]$/.test(text) ? { value: Number(text) } : { problem: 'must be a severity from 1 to 7' }
}
