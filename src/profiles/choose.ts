// Chooses what the server owns for a caller: the profile by a claim, its tools, and instructions filled from the verified token.
import type { Config, ProfileConfig } from '../config/config.js'
import { claimAt, claimValues } from '../core/policy/claim-values.js'
import { fillInstructions, hasClaimSlots } from '../core/policy/instructions.js'
import type { SessionProfile } from '../core/policy/profile.js'
import type { QuotaPolicy } from '../core/policy/quota.js'
import { ruleFor } from '../core/policy/quota-claims.js'
import { RefusalError } from '../core/protocol/errors.js'
import { PCM_BYTES_PER_SECOND } from '../core/session/media.js'
import type { Identity } from '../ports/caller.js'
import type { ToolSet } from '../ports/tools.js'

export interface ChosenProfile {
  readonly profile: SessionProfile
  readonly tools: ToolSet
}

/** After so many refused events, a client counts as hostile or broken. */
const MAX_VIOLATIONS = 100

/** Throws `forbidden` if the claim names a profile that does not exist. `requestedModel` picks among the profiles that the token allows. */
export function chooseProfile(config: Config, toolSet: (names: readonly string[] | undefined) => ToolSet, identity: Identity, requestedModel: string | undefined): ChosenProfile {
  const name = profileName(config, identity, requestedModel)
  const chosen = config.profiles[name] as ProfileConfig
  const tools = toolSet(chosen.toolNames)
  const own = ownOf(config, chosen)
  const profile: SessionProfile = {
    name,
    instructions: fillInstructions(chosen.instructions, identity.claims),
    tools: tools.tools.map(({ timeoutMs: _, ...tool }) => tool),
    session: chosen.session,
    clientMaySet: own.clientMaySet,
    clientMaySetValues: chosen.clientMaySetValues,
    zones: chosen.zones,
    quota: quotaPolicy(config, name, identity.claims),
    clientMaySeedHistory: config.clientMaySeedHistory,
    forwardRateLimits: config.forwardRateLimits,
    clientTools: chosen.clientTools,
    toolNoticeMs: chosen.toolNoticeMs,
    toolFiller: chosen.toolFiller,
    onCutAnswer: chosen.onCutAnswer,
    manners: mannersFor(config, chosen),
    guards: chosen.guards,
    interruption: chosen.interruption,
    record: recordFor(config, chosen, identity),
    relayEvents: chosen.relayEvents || identity.claims.relayEvents === true,
    limits: own.limits,
  }
  return { profile, tools }
}

/** The claim `recording_consent: true` counts as the client's word. */
function recordFor({ records }: Config, { record }: ProfileConfig, { claims }: Identity): SessionProfile['record'] {
  if (!record || !records) return undefined
  return { keeps: record, consent: records.consent === 'required' && claims.recording_consent !== true ? 'awaited' : 'given' }
}

/** Who is recorded hears so first. */
function mannersFor({ records }: Config, { record, manners }: ProfileConfig): SessionProfile['manners'] {
  if (!record || records?.consent !== 'announce') return manners
  const announced = `Say first, in the language of the conversation: ${records.announcement}`
  return { ...manners, greeting: manners?.greeting === undefined ? announced : `${announced} Then: ${manners.greeting}` }
}

type OwnOfProfile = Pick<SessionProfile, 'clientMaySet' | 'limits'>

/** The same for all callers of a profile, so that their sessions share it. By configuration and profile. */
const known = new WeakMap<Config, WeakMap<ProfileConfig, OwnOfProfile>>()

function ownOf(config: Config, chosen: ProfileConfig): OwnOfProfile {
  const ofConfig = known.get(config) ?? new WeakMap()
  known.set(config, ofConfig)
  const own = ofConfig.get(chosen) ?? { clientMaySet: new Set(chosen.clientMaySet), limits: limitsOf(config, chosen) }
  ofConfig.set(chosen, own)
  return own
}

function limitsOf({ limits, toolLimits }: Config, chosen: ProfileConfig): SessionProfile['limits'] {
  return {
    maxSessionMs: chosen.limits.maxSessionMs ?? limits.maxSessionMs,
    idleTimeoutMs: chosen.limits.idleTimeoutMs ?? limits.idleTimeoutMs,
    // Counted from the upgrade, so it has the time of the dial and as much again.
    configureTimeoutMs: 2 * limits.upstreamConnectTimeoutMs,
    reconnectMs: limits.upstreamReconnectMs,
    upstreamSessionMs: limits.upstreamSessionMs,
    toolMaxRounds: toolLimits.maxRounds,
    toolMaxConcurrent: toolLimits.maxConcurrent,
    toolCallsPerMinute: toolLimits.callsPerMinute,
    toolApprovalMs: toolLimits.approvalTimeoutMs,
    maxViolations: MAX_VIOLATIONS,
    responsesPerMinute: chosen.limits.responsesPerMinute ?? limits.responsesPerMinute,
    sessionUpdatesPerMinute: chosen.limits.sessionUpdatesPerMinute ?? limits.sessionUpdatesPerMinute,
    maxItems: chosen.limits.maxItems ?? limits.maxItems,
    resumeMs: limits.resumeMs,
    messagesPerSecond: chosen.limits.messagesPerSecond,
    bytesPerSecond: chosen.limits.bytesPerSecond,
    audioBytesPerSecond: chosen.limits.audioSecondsPerSecond && chosen.limits.audioSecondsPerSecond * PCM_BYTES_PER_SECOND,
  }
}

/** The profile that every caller gets, or undefined if callers differ in profile or instructions. */
export function commonProfile(config: Config, toolSet: (names: readonly string[] | undefined) => ToolSet): SessionProfile | undefined {
  const [only, ...others] = Object.values(config.profiles)
  if (!only || others.length > 0 || hasClaimSlots(only.instructions)) return undefined
  const anyone: Identity = { subject: 'anyone', issuer: undefined, tokenId: undefined, expiresAtMs: 0, claims: {} }
  return chooseProfile(config, toolSet, anyone, undefined).profile
}

/** Undefined if the profile has no quota. The claims may set its amounts. */
export function quotaPolicy({ profiles, quotaFailOpen, prices }: Config, profileName: string, claims: Identity['claims']): QuotaPolicy | undefined {
  const settings = profiles[profileName]?.quota
  return settings && { rules: settings.map((setting) => ruleFor(setting, claims).rule), failOpen: quotaFailOpen, currency: prices?.currency }
}

/** The profile's own limit of sessions per user, or else the general one. */
export function maxSessionsPerUser(config: Config, profileName: string): number {
  return config.profiles[profileName]?.limits.maxSessionsPerUser ?? config.limits.maxSessionsPerUser
}

/** The claim has one name or a list of allowed names. A token without it gets `default`, and so does one with none of the values that the configuration maps. */
export function profileName(config: Config, identity: Identity, requestedModel: string | undefined): string {
  const claim = identity.profile ?? claimAt(identity.claims, config.profileClaim)
  if (claim === undefined || claim === null) return 'default'
  if (config.profileValues && identity.profile === undefined) {
    const said = claimValues(identity.claims, config.profileClaim)
    const mapped = Object.entries(config.profileValues).flatMap(([value, profile]) => (said.includes(value) ? [profile] : []))
    return mapped.find((one) => one === requestedModel) ?? mapped[0] ?? 'default'
  }
  const allowed = Array.isArray(claim) ? claim : [claim]
  const known = allowed.filter((name): name is string => typeof name === 'string' && Object.hasOwn(config.profiles, name))
  const name = known.find((one) => one === requestedModel) ?? known[0]
  if (name === undefined || known.length !== allowed.length) throw new RefusalError('forbidden', 'unknown_profile')
  return name
}
