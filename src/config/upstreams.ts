// Reads which models the relay dials: one Azure or OpenAI deployment from single variables, or several from UPSTREAMS.

import { isObject } from '../core/protocol/events.js'
import type { UpstreamConfig } from './config.js'
import { type Endpoint, endpointOf } from './endpoint.js'
import type { Environment, EnvReader, Problems } from './environment.js'
import { type Fields, fieldsOf, fillNames, parseJson, quoted } from './json-fields.js'
import { matching, oneOf, type Parse, secretToken, wholeNumber } from './parse.js'
import type { Secret } from './secret.js'
import { API_VERSION, ENTRA_SCOPE, VARIABLES, type VariableName } from './variables.js'

const AZURE: readonly VariableName[] = ['AZURE_OPENAI_ENDPOINT', 'AZURE_OPENAI_DEPLOYMENT', 'AZURE_OPENAI_API_KEY', 'AZURE_OPENAI_API_VERSION']
const OPENAI: readonly VariableName[] = ['OPENAI_API_KEY', 'OPENAI_MODEL', 'OPENAI_BASE_URL']
const DEPLOYMENT = VARIABLES.AZURE_OPENAI_DEPLOYMENT.parse
const MAX_UPSTREAMS = 64
const ZONE = matching(/^[\u0021-\u007e]{1,64}$/, '1 to 64 printable characters without blanks')
const MAX_PER_MINUTE = 1_000_000_000

export function readUpstreams(env: EnvReader, record: Environment, problems: Problems): readonly UpstreamConfig[] {
  const azure = AZURE.filter((name) => env.isSet(name))
  const openai = OPENAI.filter((name) => env.isSet(name))
  const several = env.isSet('UPSTREAMS')
  const ways = [azure[0], openai[0], several ? 'UPSTREAMS' : undefined].filter((name) => name !== undefined)
  if (ways.length > 1) {
    problems.add('Upstream:', `${ways.join(', ')} are set, each of which names one: keep one of AZURE_OPENAI_*, OPENAI_* and UPSTREAMS`)
    return []
  }
  if (several) return readList(env, problems)
  if (openai.length > 0) return readOpenai(env, problems)
  if (azure.length > 0) return readAzure(env, record, problems)
  problems.add('Upstream:', 'none is set. Set AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_DEPLOYMENT, or OPENAI_API_KEY, or UPSTREAMS')
  return []
}

function readAzure(env: EnvReader, record: Environment, problems: Problems): readonly UpstreamConfig[] {
  const endpoint = env.get('AZURE_OPENAI_ENDPOINT')
  const uri: Partial<Endpoint> = endpoint ?? {}
  const deployment = oneOfTwo(env.get('AZURE_OPENAI_DEPLOYMENT'), uri.deployment, DEPLOYMENT, 'AZURE_OPENAI_DEPLOYMENT', 'AZURE_OPENAI_ENDPOINT', problems)
  for (const name of ['AZURE_OPENAI_ENDPOINT', 'AZURE_OPENAI_DEPLOYMENT'] as const) {
    if (env.isSet(name) || (name === 'AZURE_OPENAI_DEPLOYMENT' && uri.deployment !== undefined)) continue
    const near = Object.keys(record).filter((other) => other.startsWith(name) && other !== name)
    problems.add(name, `is missing${near.length > 0 ? ` (${near.map(quoted).join(', ')} is not read)` : ''}`)
  }
  const apiKey = env.get('AZURE_OPENAI_API_KEY')
  const asked = env.get('AZURE_OPENAI_API_VERSION')
  if (uri.path === 'ga' && asked !== undefined && asked !== 'v1')
    problems.add('AZURE_OPENAI_API_VERSION', 'is dated, and AZURE_OPENAI_ENDPOINT is a target URI without one: remove one of the two')
  const apiVersion = oneOfTwo(asked, uri.apiVersion, API_VERSION, 'AZURE_OPENAI_API_VERSION', 'AZURE_OPENAI_ENDPOINT', problems)
  const entraScope = env.get('AZURE_OPENAI_SCOPE')
  if (!endpoint || !deployment) return []
  return [{ name: 'azure', provider: 'azure', endpoint: endpoint.url, deployment, apiKey, entraScope, apiVersion, priority: 0, weight: 1 }]
}

/** What a setting says, or what the target URI says. It is a mistake if they differ, since one of them is then not meant. */
function oneOfTwo(set: string | undefined, inUri: string | undefined, parse: Parse<string>, setting: string, uri: string, problems: Problems): string | undefined {
  if (inUri === undefined) return set
  const parsed = parse(inUri)
  if ('problem' in parsed) problems.add(uri, `names a deployment or version that ${parsed.problem}`)
  else if (set !== undefined && set !== parsed.value) problems.add(setting, `is not what the target URI in ${uri} names: remove one of the two`)
  else return parsed.value
  return undefined
}

function readOpenai(env: EnvReader, problems: Problems): readonly UpstreamConfig[] {
  const apiKey = env.get('OPENAI_API_KEY')
  const { url: endpoint, deployment: inUri } = env.get('OPENAI_BASE_URL')
  const model = env.isSet('OPENAI_MODEL') || inUri === undefined ? env.get('OPENAI_MODEL') : undefined
  const deployment = oneOfTwo(model, inUri, DEPLOYMENT, 'OPENAI_MODEL', 'OPENAI_BASE_URL', problems)
  if (!env.isSet('OPENAI_API_KEY')) problems.add('OPENAI_API_KEY', 'is missing')
  if (!apiKey || deployment === undefined) return []
  return [{ name: 'openai', provider: 'openai', endpoint, deployment, apiKey, entraScope: ENTRA_SCOPE, apiVersion: undefined, priority: 0, weight: 1 }]
}

function readList(env: EnvReader, problems: Problems): readonly UpstreamConfig[] {
  const entries = parseJson(env.get('UPSTREAMS') ?? '[]', 'UPSTREAMS', problems)
  if (entries === undefined || (env.get('UPSTREAMS') ?? '') === '') return []
  if (!Array.isArray(entries) || entries.length === 0 || entries.length > MAX_UPSTREAMS) {
    problems.add('UPSTREAMS', `must be a JSON list of 1 to ${MAX_UPSTREAMS} objects`)
    return []
  }
  const upstreams: UpstreamConfig[] = []
  for (const [index, entry] of entries.entries()) {
    const subject = `UPSTREAMS entry ${index + 1}:`
    if (!isObject(entry)) {
      problems.add(subject, 'must be an object')
      continue
    }
    const upstream = readEntry(fieldsOf(entry, subject, problems, env), env, problems)
    if (!upstream) continue
    if (upstreams.some((other) => other.name === upstream.name)) problems.add(subject, `name ${quoted(upstream.name)} is used twice: give each its own name`)
    upstreams.push(upstream)
  }
  return upstreams
}

function readEntry(fields: Fields, env: EnvReader, problems: Problems): UpstreamConfig | undefined {
  const provider = fields.parsed('provider', oneOf('azure', 'openai', 'voice-live')) ?? 'azure'
  const openaiDefault = provider === 'openai' && !fields.has('endpoint')
  if (!openaiDefault) fields.need('endpoint')
  const found = openaiDefault ? { url: new URL(VARIABLES.OPENAI_BASE_URL.default) } : fields.parsed('endpoint', endpointOf(provider))
  const uri: Partial<Endpoint> = found ?? {}
  const endpoint = found?.url
  const named = uri.deployment === undefined && fields.need('deployment') === undefined ? undefined : fields.parsed('deployment', DEPLOYMENT)
  const deployment = oneOfTwo(named, uri.deployment, DEPLOYMENT, `${fields.subject} deployment`, 'endpoint', problems)
  const name = fields.parsed('name', matching(/^[\u0021-\u007e]{1,128}$/, '1 to 128 printable characters without blanks')) ?? deployment
  const apiKey = readKey(fields, env, problems)
  const entra = fields.raw('entra')
  const scope = typeof entra === 'string' ? fields.parsed('entra', VARIABLES.AZURE_OPENAI_SCOPE.parse) : env.get('AZURE_OPENAI_SCOPE')
  if (entra !== undefined && typeof entra !== 'boolean' && typeof entra !== 'string') fields.bad('entra', 'must be true, or the scope of the token')
  const wantsEntra = entra !== undefined && entra !== false
  if (fields.has('apiKey') === wantsEntra) fields.bad('apiKey', wantsEntra ? 'and entra are both set: keep one' : 'is missing, and entra is not true: set one of them')
  if (provider === 'openai' && wantsEntra) fields.bad('entra', 'is for Azure: an OpenAI upstream needs apiKey')
  const asked = fields.parsed('apiVersion', API_VERSION)
  if (provider === 'azure' && uri.path === 'ga' && asked !== undefined && asked !== 'v1')
    fields.bad('apiVersion', 'is dated, and endpoint is a target URI without one: remove one of the two')
  const apiVersion = oneOfTwo(asked, uri.apiVersion, API_VERSION, `${fields.subject} apiVersion`, 'endpoint', problems)
  if (provider === 'openai' && fields.has('apiVersion')) fields.bad('apiVersion', 'is for Azure only')
  const priority = fields.number('priority', wholeNumber(0, 1000)) ?? 0
  const weight = fields.number('weight', wholeNumber(1, 1000)) ?? 1
  const zone = fields.parsed('zone', ZONE)
  const [tokens, requests] = ['tokensPerMinute', 'requestsPerMinute'].map((key) => fields.number(key, wholeNumber(1, MAX_PER_MINUTE)))
  const limits = tokens === undefined && requests === undefined ? {} : { limits: { ...(tokens !== undefined && { tokens }), ...(requests !== undefined && { requests }) } }
  fields.done()
  if (!endpoint || !deployment || !name) return undefined
  return { name, provider, endpoint, deployment, apiKey, entraScope: scope ?? ENTRA_SCOPE, apiVersion, priority, weight, ...(zone !== undefined && { zone }), ...limits }
}

function readKey(fields: Fields, env: EnvReader, problems: Problems): Secret | undefined {
  const text = fields.string('apiKey')
  if (text === undefined) return undefined
  const filled = fillNames(text, `${fields.subject} apiKey`, problems, env)
  const parsed = secretToken(filled)
  if ('value' in parsed) return parsed.value
  if (filled !== '' || text === '') fields.bad('apiKey', parsed.problem)
  return undefined
}
