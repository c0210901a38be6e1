// Reads which carriers bring telephone calls, who may call, and what a caller gets. Telephony is on if a carrier is set.
import { normalCalled, normalEntry } from '../core/policy/phone-number.js'
import { isObject, type JsonObject } from '../core/protocol/events.js'
import { readPath } from '../core/protocol/paths.js'
import type { Config } from './config.js'
import type { EnvReader, Problems } from './environment.js'
import { fieldsOf, parseJson, quoted } from './json-fields.js'
import { httpUrl, wholeNumber } from './parse.js'
import type { AcsConfig, TelephonyConfig } from './telephony-config.js'
import type { TELEPHONY_VARIABLES } from './telephony-variables.js'
import { takesCalls } from './webrtc.js'

type Name = keyof typeof TELEPHONY_VARIABLES

const CARRIERS = 'ACS_CONNECTION_STRING or ACS_ENDPOINT, TWILIO_AUTH_TOKEN, or SIP_WEBHOOK_SECRET'
/** Of no use without a carrier. */
const OF_CALLS: readonly Name[] = ['TELEPHONY_PROFILE', 'TELEPHONY_CALLERS', 'TELEPHONY_LIMITS', 'TELEPHONY_CLAIMS', 'TELEPHONY_LOST_LINE']
const OF_ACS: readonly Name[] = ['ACS_RESOURCE_ID', 'ACS_SCOPE', 'ACS_EVENT_GRID_SECRET', 'ACS_EVENT_GRID_TOKEN']
const MOST_ENTRIES = 10_000
const MOST_CALLS = 100_000
const LIMITS = { perCaller: 2, withheld: 10, perNumber: 100, total: 100, perCallerPerHour: 30 } as const
/** Carriers send fifty frames a second, of 1.3 KB at most. */
const LEAST_RATES = { messagesPerSecond: 60, bytesPerSecond: 100_000, audioSecondsPerSecond: 1.2 } as const
const CLAIM = /^[\u0021-\u007e]{1,256}$/
const SOURCE = /^(from|to|carrier|header:[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}|text:[^\p{C}]{1,256})$/u

type Known = Pick<Config, 'profiles' | 'limits' | 'upstreams' | 'webrtc' | 'profileClaim' | 'tenantClaim'> & { readonly auth: Config['auth'] | undefined }

/** Undefined: no carrier is set, or there is a mistake. Reads every variable all the same, so that each mistake is told. */
export function readTelephony(env: EnvReader, config: Known, problems: Problems): TelephonyConfig | undefined {
  const acs = readAcs(env, problems)
  const authTokens = env.get('TWILIO_AUTH_TOKEN')
  const accountSid = env.get('TWILIO_ACCOUNT_SID')
  const webhookSecrets = env.get('SIP_WEBHOOK_SECRET')
  const publicUrl = env.get('PUBLIC_URL')
  const isOn = (['ACS_CONNECTION_STRING', 'ACS_ENDPOINT', 'TWILIO_AUTH_TOKEN', 'SIP_WEBHOOK_SECRET'] as const).some((name) => env.isSet(name))
  const rules = {
    profiles: readProfileMap(env, config, problems),
    callers: readCallers(env, problems),
    withheld: env.get('TELEPHONY_WITHHELD'),
    lostLine: env.get('TELEPHONY_LOST_LINE'),
    limits: readLimits(env, problems),
    claims: readClaims(env, config, problems),
  }
  if (env.isSet('TWILIO_ACCOUNT_SID') && !env.isSet('TWILIO_AUTH_TOKEN')) problems.add('TWILIO_AUTH_TOKEN', 'is missing: TWILIO_ACCOUNT_SID is set')
  if (!isOn) {
    for (const name of OF_CALLS) if (env.isSet(name)) problems.add(name, `is set and no carrier is: set ${CARRIERS}`)
    return undefined
  }
  if (!env.isSet('TELEPHONY_PROFILE')) problems.add('TELEPHONY_PROFILE', 'is missing: a JSON map of called numbers to profiles, such as {"*": "default"}')
  if (!env.isSet('PUBLIC_URL')) problems.add('PUBLIC_URL', 'is missing: the https address that carriers know the relay by')
  if (!hasSharedSecret(config))
    problems.add('CALLS_SECRET', 'is missing: callers are named by a digest of their number, made with a secret that all relays share; JWT_SECRET or a key of an upstream would do')
  if (webhookSecrets && config.upstreams.length > 0 && !config.upstreams.some(takesCalls))
    problems.add('SIP_WEBHOOK_SECRET', 'is set and no upstream takes calls: they need Azure OpenAI without a dated version, or OpenAI')
  if (!publicUrl) return undefined
  return { publicUrl, ...rules, acs, twilio: authTokens && { authTokens, accountSid }, sip: webhookSecrets && { webhookSecrets } }
}

/** The one that names callers: see `auth/sealing-key.ts`. */
export function hasSharedSecret({ webrtc, auth, upstreams }: Pick<Known, 'webrtc' | 'auth' | 'upstreams'>): boolean {
  return webrtc.secret !== undefined || auth?.key.kind === 'secret' || upstreams.some(({ apiKey }) => apiKey !== undefined) || auth === undefined
}

function objectOf(env: EnvReader, name: Name, problems: Problems): JsonObject {
  const text = env.get(name)
  if (typeof text !== 'string') return {}
  const value = parseJson(text, name, problems)
  if (isObject(value) && Object.keys(value).length <= MOST_ENTRIES) return value
  if (value !== undefined) problems.add(name, `must be a JSON object of at most ${MOST_ENTRIES} fields`)
  return {}
}

function readProfileMap(env: EnvReader, { profiles, limits }: Known, problems: Problems): TelephonyConfig['profiles'] {
  const found: Record<string, string> = {}
  const entries = objectOf(env, 'TELEPHONY_PROFILE', problems)
  for (const [index, [written, profile]] of Object.entries(entries).entries()) {
    const number = written === '*' ? written : normalCalled(written)
    const add = (problem: string) => problems.add('TELEPHONY_PROFILE', `entry ${index + 1} ${problem}`)
    if (number === '' || number === '__proto__') add('is no number and no SIP user')
    else if (Object.hasOwn(found, number)) add('is a number that stands there twice, in two spellings: keep one of them')
    else if (typeof profile !== 'string' || !Object.hasOwn(profiles, profile)) add('names no profile that exists')
    else found[number] = profile
  }
  if (env.get('TELEPHONY_PROFILE')?.trim() === '{}') problems.add('TELEPHONY_PROFILE', 'names no number: "*" is any')
  for (const name of new Set(Object.values(found))) {
    checkSpeaks(name, profiles[name]?.session ?? {}, problems)
    for (const [limit, least] of Object.entries(LEAST_RATES) as [keyof typeof LEAST_RATES, number][])
      if ((profiles[name]?.limits[limit] ?? limits[limit]) < least)
        problems.add('TELEPHONY_PROFILE', `uses the profile ${quoted(name)}, which is read more slowly than a caller speaks: its ${limit} must be at least ${least}`)
  }
  return found
}

/** Over a telephone nobody reads, and nobody presses a button to speak. */
function checkSpeaks(profile: string, session: JsonObject, problems: Problems): void {
  const modalities = readPath(session, 'output_modalities')
  if (Array.isArray(modalities) && !modalities.includes('audio'))
    problems.add('TELEPHONY_PROFILE', `uses the profile ${quoted(profile)}, which does not speak: its output_modalities have no audio`)
  if (readPath(session, 'audio.input.turn_detection') === null)
    problems.add('TELEPHONY_PROFILE', `uses the profile ${quoted(profile)}, which never hears the end of a turn: its turn_detection is off`)
}

function readCallers(env: EnvReader, problems: Problems): TelephonyConfig['callers'] {
  const fields = fieldsOf(objectOf(env, 'TELEPHONY_CALLERS', problems), 'TELEPHONY_CALLERS', problems, env)
  const listAt = (key: string) =>
    fields.strings(key)?.flatMap((entry, index) => {
      const normal = normalEntry(entry)
      // A number is personal, so the mistake says its place alone.
      if (normal === undefined) fields.bad(key, `entry ${index + 1} must be a number in E.164 (+493012345678), or a beginning with a * behind it (+49*)`)
      return normal ?? []
    })
  const callers = { allow: listAt('allow'), deny: listAt('deny') ?? [] }
  fields.done()
  return callers
}

function readLimits(env: EnvReader, problems: Problems): TelephonyConfig['limits'] {
  const fields = fieldsOf(objectOf(env, 'TELEPHONY_LIMITS', problems), 'TELEPHONY_LIMITS', problems, env)
  const most = wholeNumber(1, MOST_CALLS)
  const limitAt = (key: keyof typeof LIMITS) => fields.number(key, most) ?? LIMITS[key]
  const limits = {
    perCaller: limitAt('perCaller'),
    withheld: limitAt('withheld'),
    perNumber: limitAt('perNumber'),
    total: limitAt('total'),
    perCallerPerHour: limitAt('perCallerPerHour'),
  }
  fields.done()
  return limits
}

function readClaims(env: EnvReader, config: Known, problems: Problems): TelephonyConfig['claims'] {
  const claims: Record<string, string> = {}
  const ofQuotas = new Set(Object.values(config.profiles).flatMap(({ quota }) => quota?.flatMap(({ claim }) => claim ?? []) ?? []))
  for (const [claim, source] of Object.entries(objectOf(env, 'TELEPHONY_CLAIMS', problems))) {
    const add = (problem: string) => problems.add('TELEPHONY_CLAIMS', `${quoted(claim)} ${problem}`)
    if (!CLAIM.test(claim) || claim === '__proto__') add('is no name of a claim')
    else if (claim === config.profileClaim) add('is the claim that chooses the profile: TELEPHONY_PROFILE does that')
    else if (typeof source !== 'string' || !SOURCE.test(source)) add('must come from from, to, carrier, header:<name> or text:<words>')
    else if (source.startsWith('header:') && (claim === config.tenantClaim || ofQuotas.has(claim)))
      add('decides what is counted, and a header is whatever the caller wrote: use text:<words>')
    else claims[claim] = source
  }
  return claims
}

function readAcs(env: EnvReader, problems: Problems): AcsConfig | undefined {
  const connection = env.get('ACS_CONNECTION_STRING')
  const endpoint = env.get('ACS_ENDPOINT')
  const resourceId = env.get('ACS_RESOURCE_ID')
  const secrets = env.get('ACS_EVENT_GRID_SECRET') ?? []
  const token = readEventGridToken(env, problems)
  const [issuer, keysUrl, scope] = [env.get('ACS_ISSUER'), env.get('ACS_KEYS_URL'), env.get('ACS_SCOPE')]
  const [byKey, byEntra] = [env.isSet('ACS_CONNECTION_STRING'), env.isSet('ACS_ENDPOINT')]
  if (!byKey && !byEntra) {
    for (const name of OF_ACS) if (env.isSet(name)) problems.add(name, 'is set, and neither ACS_CONNECTION_STRING nor ACS_ENDPOINT is')
    return undefined
  }
  if (byKey && byEntra) problems.add('ACS_ENDPOINT', 'and ACS_CONNECTION_STRING are both set: keep one of them')
  if (byKey && env.isSet('ACS_SCOPE')) problems.add('ACS_SCOPE', 'says nothing beside ACS_CONNECTION_STRING: its key needs no token')
  if (!env.isSet('ACS_RESOURCE_ID')) problems.add('ACS_RESOURCE_ID', 'is missing: the tokens of the service are checked against it')
  if (!env.isSet('ACS_EVENT_GRID_SECRET') && !env.isSet('ACS_EVENT_GRID_TOKEN'))
    problems.add('ACS_EVENT_GRID_SECRET', 'is missing, and ACS_EVENT_GRID_TOKEN as well: without a proof anybody could announce calls')
  const address = connection?.endpoint ?? endpoint
  return address && resourceId !== undefined
    ? { endpoint: address, accessKey: connection?.accessKey, scope, resourceId, issuer, keysUrl, eventGrid: { secrets, token } }
    : undefined
}

function readEventGridToken(env: EnvReader, problems: Problems): AcsConfig['eventGrid']['token'] {
  if (!env.isSet('ACS_EVENT_GRID_TOKEN')) return undefined
  const fields = fieldsOf(objectOf(env, 'ACS_EVENT_GRID_TOKEN', problems), 'ACS_EVENT_GRID_TOKEN', problems, env)
  const [issuer, audience, appId] = [fields.need('issuer'), fields.need('audience'), fields.string('appId')]
  fields.need('keysUrl')
  const keysUrl = fields.parsed('keysUrl', httpUrl)
  fields.done()
  return issuer !== undefined && audience !== undefined && keysUrl ? { issuer, audience, appId, keysUrl } : undefined
}
