// Reads what the server owns for each kind of caller: the default profile from single variables, the others from PROFILES_FILE.
import { resolve } from 'node:path'
import { unknownSlots } from '../core/policy/instructions.js'
import { isObject, type JsonObject } from '../core/protocol/events.js'
import { type ClientMaySet, joinOpenings, parseOpening } from './client-may-set.js'
import type { ProfileConfig, ToolConfig } from './config.js'
import { type EnvReader, type Problems, readTextFile } from './environment.js'
import type { GuardConfig } from './guard-config.js'
import { allGuards, readGuardPolicy } from './guard-policy.js'
import { readInterruption } from './interruption.js'
import { type Fields, fieldsOf, parseJson, quoted } from './json-fields.js'
import { readManners } from './manners.js'
import { decimal, oneOf, wholeNumber } from './parse.js'
import { readQuota } from './quota.js'
import { checkSession } from './session-fields.js'

const MAX_PROFILES = 1000
/** Far above what an upstream takes: it catches a wrong file. */
const MAX_INSTRUCTIONS = 200_000
/** Of unknown slots. */
const MAX_SHOWN = 5
/** One spoken line. */
const MAX_FILLER = 500
const PROFILE_NAME = /^[A-Za-z0-9_.-]{1,64}$/

interface ProfileContext {
  readonly env: EnvReader
  readonly problems: Problems
  readonly cwd: string
  readonly tools: readonly ToolConfig[]
  readonly guards: readonly GuardConfig[]
  /** With a Voice Live upstream, session fields that OpenAI does not have are let through. */
  readonly voiceLive: boolean
  /** Of all upstreams. */
  readonly zones: readonly string[]
  /** Whether there are prices, so that money can be counted. */
  readonly withPrices: boolean
}

/** Always has `default`. A profile of the file inherits what it does not say from `default`'s single variables. */
export function readProfiles(context: ProfileContext): Readonly<Record<string, ProfileConfig>> {
  const { env, problems } = context
  const fallback: ProfileConfig = {
    instructions: checkedInstructions(env.get('INSTRUCTIONS') ?? '', 'INSTRUCTIONS', problems),
    toolNames: undefined,
    session: readSession(context),
    ...openingsOf(env.get('CLIENT_MAY_SET')),
    relayEvents: false,
    clientTools: false,
    guards: allGuards(context.guards),
    limits: {},
  }
  const entries = readFile(context)
  const profiles: Record<string, ProfileConfig> = { default: fallback }
  if (entries && isObject(entries.default))
    profiles.default = { ...readProfile(fieldsOf(entries.default, 'PROFILES_FILE "default":', problems, env), fallback, context), own: Object.keys(entries.default) }
  for (const [name, entry] of Object.entries(entries ?? {})) {
    const subject = `PROFILES_FILE ${quoted(name)}:`
    if (!PROFILE_NAME.test(name) || name === '__proto__') problems.add(subject, 'a profile name is 1 to 64 letters, digits, or _ . -')
    else if (!isObject(entry)) problems.add(subject, 'must be an object')
    else if (name !== 'default') profiles[name] = { ...readProfile(fieldsOf(entry, subject, problems, env), fallback, context), own: Object.keys(entry) }
  }
  return profiles
}

function readSession(context: ProfileContext): JsonObject {
  const { env, problems, voiceLive } = context
  const text = env.get('SESSION')
  const session = text === undefined ? {} : parseJson(text, 'SESSION', problems)
  if (session === undefined) return {}
  if (!isObject(session)) {
    problems.add('SESSION', 'must be a JSON object')
    return {}
  }
  return checkSession(session, 'SESSION', problems, voiceLive)
}

function readFile({ env, problems, cwd }: ProfileContext): JsonObject | undefined {
  const file = env.get('PROFILES_FILE')
  if (file === undefined) return undefined
  const content = readTextFile(resolve(cwd, file))
  if ('problem' in content) {
    problems.add('PROFILES_FILE', content.problem)
    return undefined
  }
  const entries = parseJson(content.value, 'PROFILES_FILE', problems)
  if (entries === undefined) return undefined
  if (isObject(entries) && Object.keys(entries).length <= MAX_PROFILES) return entries
  problems.add('PROFILES_FILE', `must hold a JSON object of at most ${MAX_PROFILES} profiles by name`)
  return undefined
}

function readProfile(fields: Fields, fallback: ProfileConfig, context: ProfileContext): ProfileConfig {
  const { problems } = context
  const instructions = fields.string('instructions')
  const toolNames = fields.strings('tools')
  for (const name of toolNames ?? []) if (!knownTools(context.tools).has(name)) fields.bad('tools', `names ${quoted(name)}, which TOOLS does not have`)
  const session = fields.raw('session')
  if (session !== undefined && !isObject(session)) fields.bad('session', 'must be an object')
  const zones = fields.strings('zones')
  for (const zone of zones ?? []) if (!context.zones.includes(zone)) fields.bad('zones', `names ${quoted(zone)}, which no entry of UPSTREAMS has`)
  const entries = fields.strings('clientMaySet')?.map(parseOpening)
  for (const [index, entry] of (entries ?? []).entries()) if ('problem' in entry) fields.bad('clientMaySet', `entry ${index + 1} ${entry.problem}`)
  const openings = entries && joinOpenings(entries.flatMap((entry) => ('value' in entry ? entry.value : [])))
  const relayEvents = fields.boolean('relayEvents', fallback.relayEvents)
  const clientTools = fields.boolean('clientTools', fallback.clientTools)
  const toolNoticeMs = fields.number('toolNoticeMs', wholeNumber(100, 60_000)) ?? fallback.toolNoticeMs
  const toolFiller = fields.string('toolFiller') ?? fallback.toolFiller
  if (toolFiller !== undefined && (toolFiller.trim() === '' || toolFiller.length > MAX_FILLER)) fields.bad('toolFiller', `must have 1 to ${MAX_FILLER} characters`)
  if (toolFiller !== undefined && toolNoticeMs === undefined) fields.bad('toolFiller', 'needs toolNoticeMs, which says when')
  const onCutAnswer = fields.string('onCutAnswer') ?? fallback.onCutAnswer
  if (onCutAnswer !== undefined && onCutAnswer !== 'leave' && onCutAnswer !== 'continue') fields.bad('onCutAnswer', 'must be "leave" or "continue"')
  const manners = readManners(fields.fields('manners'), knownTools(context.tools))
  const interruption = readInterruption(fields) ?? fallback.interruption
  const webrtc = fields.parsed('webrtc', oneOf('off', 'media-only', 'shared')) ?? fallback.webrtc
  const guards = readGuardPolicy(fields, context.guards)
  const record = fields.parsed('record', oneOf('none', 'transcript', 'audio')) ?? fallback.record
  const { limits, quota } = readLimits(fields.fields('limits'), context)
  fields.done()
  return {
    instructions: instructions === undefined ? fallback.instructions : checkedInstructions(instructions, `${fields.subject} instructions`, problems),
    toolNames: toolNames ?? fallback.toolNames,
    session: isObject(session) ? checkSession(session, `${fields.subject} session`, problems, context.voiceLive) : fallback.session,
    ...(openings ? openingsOf(openings) : { clientMaySet: fallback.clientMaySet, clientMaySetValues: fallback.clientMaySetValues }),
    zones: zones ?? fallback.zones,
    relayEvents,
    clientTools,
    toolNoticeMs,
    toolFiller,
    onCutAnswer: onCutAnswer === 'leave' ? 'leave' : undefined,
    interruption,
    webrtc,
    manners: manners?.manners,
    record: record === 'none' ? undefined : record,
    transferTo: manners?.transferTo,
    guards,
    limits,
    quota: quota ?? fallback.quota,
  }
}

function openingsOf({ paths, values }: ClientMaySet): Pick<ProfileConfig, 'clientMaySet' | 'clientMaySetValues'> {
  return { clientMaySet: paths, clientMaySetValues: Object.keys(values).length > 0 ? values : undefined }
}

/** The names of functions, the labels of MCP servers, and the tools that a server may offer. */
function knownTools(tools: readonly ToolConfig[]): ReadonlySet<string> {
  return new Set(tools.flatMap((tool) => (tool.kind === 'mcp' ? [tool.label, ...(tool.allowedTools ?? [])] : [tool.definition.name])))
}

function readLimits(fields: Fields | undefined, { withPrices, problems }: ProfileContext): Pick<ProfileConfig, 'limits' | 'quota'> {
  if (!fields) return { limits: {} }
  const seconds = (key: string) => {
    const value = fields.number(key, decimal(0.1, 604_800))
    return value === undefined ? undefined : Math.round(value * 1000)
  }
  const limits = {
    maxSessionMs: seconds('maxSessionSeconds'),
    idleTimeoutMs: seconds('idleTimeoutSeconds'),
    maxSessionsPerUser: fields.number('maxSessionsPerUser', wholeNumber(1, 100_000)),
    messagesPerSecond: fields.number('messagesPerSecond', decimal(1, 100_000)),
    bytesPerSecond: fields.number('bytesPerSecond', wholeNumber(16_384, 1_073_741_824)),
    audioSecondsPerSecond: fields.number('audioSecondsPerSecond', decimal(1, 10_000)),
    responsesPerMinute: fields.number('responsesPerMinute', decimal(1, 100_000)),
    sessionUpdatesPerMinute: fields.number('sessionUpdatesPerMinute', decimal(1, 100_000)),
    maxItems: fields.number('maxItems', wholeNumber(1, 1_000_000)),
  }
  const quota = readQuota(fields.fields('quota'), withPrices, problems)
  fields.done()
  return { limits: Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined)), quota }
}

function checkedInstructions(text: string, subject: string, problems: Problems): string {
  if (text.length > MAX_INSTRUCTIONS) problems.add(subject, `is longer than ${MAX_INSTRUCTIONS} characters`)
  const unknown = unknownSlots(text)
    .slice(0, MAX_SHOWN)
    .map((slot) => quoted(slot))
  if (unknown.length > 0) problems.add(subject, `has ${unknown.join(', ')}, which nothing fills: only {{claims.name}} is filled, from the verified token`)
  return text
}
