// Chooses what the server owns for a caller: profile by claim, tools pinned, instructions filled from the verified token.
import type { Config, ProfileConfig } from '../config/config.js'
import { fillInstructions, hasClaimSlots } from '../core/policy/instructions.js'
import type { SessionProfile } from '../core/policy/profile.js'
import type { QuotaPolicy } from '../core/policy/quota.js'
import { ruleFor } from '../core/policy/quota-claims.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { Identity } from '../ports/caller.js'
import type { ToolSet } from '../ports/tools.js'

export interface ChosenProfile {
  readonly profile: SessionProfile
  readonly tools: ToolSet
}

/** A second of 24 kHz PCM16; of G.711 six seconds. */
export const AUDIO_SECOND_BYTES = 48_000
/** Refused events after which a client is taken for hostile or broken. */
const MAX_VIOLATIONS = 100

/** Throws `forbidden` when the claim names a profile that does not exist. `requestedModel` picks among the profiles the token allows. */
export function chooseProfile(config: Config, toolSet: (names: readonly string[] | undefined) => ToolSet, identity: Identity, requestedModel: string | undefined): ChosenProfile {
  const name = profileName(config, identity, requestedModel)
  const chosen = config.profiles[name] as ProfileConfig
  const tools = toolSet(chosen.toolNames)
  const { limits, toolLimits } = config
  const profile: SessionProfile = {
    name,
    instructions: fillInstructions(chosen.instructions, identity.claims),
    tools: tools.tools.map(({ timeoutMs: _, ...tool }) => tool),
    session: chosen.session,
    clientMaySet: new Set(chosen.clientMaySet),
    quota: quotaPolicy(config, name, identity.claims),
    clientMaySeedHistory: config.clientMaySeedHistory,
    forwardRateLimits: config.forwardRateLimits,
    clientTools: chosen.clientTools,
    toolNoticeMs: chosen.toolNoticeMs,
    toolFiller: chosen.toolFiller,
    relayEvents: chosen.relayEvents || identity.claims.relayEvents === true,
    limits: {
      maxSessionMs: chosen.limits.maxSessionMs ?? limits.maxSessionMs,
      idleTimeoutMs: chosen.limits.idleTimeoutMs ?? limits.idleTimeoutMs,
      // Counted from the upgrade: as long again as the dial may take.
      configureTimeoutMs: 2 * limits.upstreamConnectTimeoutMs,
      toolMaxRounds: toolLimits.maxRounds,
      toolMaxConcurrent: toolLimits.maxConcurrent,
      toolCallsPerMinute: toolLimits.callsPerMinute,
      toolApprovalMs: toolLimits.approvalTimeoutMs,
      maxViolations: MAX_VIOLATIONS,
      responsesPerMinute: chosen.limits.responsesPerMinute ?? limits.responsesPerMinute,
      sessionUpdatesPerMinute: chosen.limits.sessionUpdatesPerMinute ?? limits.sessionUpdatesPerMinute,
      maxItems: chosen.limits.maxItems ?? limits.maxItems,
      messagesPerSecond: chosen.limits.messagesPerSecond,
      bytesPerSecond: chosen.limits.bytesPerSecond,
      audioBytesPerSecond: chosen.limits.audioSecondsPerSecond && chosen.limits.audioSecondsPerSecond * AUDIO_SECOND_BYTES,
    },
  }
  return { profile, tools }
}

/** The profile every caller gets, whoever it is; undefined where callers differ in profile or instructions. */
export function commonProfile(config: Config, toolSet: (names: readonly string[] | undefined) => ToolSet): SessionProfile | undefined {
  const [only, ...others] = Object.values(config.profiles)
  if (!only || others.length > 0 || hasClaimSlots(only.instructions)) return undefined
  const nobody: Identity = { subject: 'nobody', issuer: undefined, tokenId: undefined, expiresAtMs: 0, claims: {} }
  return chooseProfile(config, toolSet, nobody, undefined).profile
}

/** Undefined where the profile has no quota. Amounts are those of these claims. */
export function quotaPolicy({ profiles, quotaFailOpen, prices }: Config, profileName: string, claims: Identity['claims']): QuotaPolicy | undefined {
  const settings = profiles[profileName]?.quota
  return settings && { rules: settings.map((setting) => ruleFor(setting, claims).rule), failOpen: quotaFailOpen, currency: prices?.currency }
}

/** The profile's own limit of sessions per user, or the general one. */
export function maxSessionsPerUser(config: Config, profileName: string): number {
  return config.profiles[profileName]?.limits.maxSessionsPerUser ?? config.limits.maxSessionsPerUser
}

/** The claim may be one name or a list of allowed names; without it, `default`. */
export function profileName(config: Config, identity: Identity, requestedModel: string | undefined): string {
  const claim = Object.hasOwn(identity.claims, config.profileClaim) ? identity.claims[config.profileClaim] : undefined
  if (claim === undefined || claim === null) return 'default'
  const allowed = Array.isArray(claim) ? claim : [claim]
  const known = allowed.filter((name): name is string => typeof name === 'string' && Object.hasOwn(config.profiles, name))
  const name = known.find((one) => one === requestedModel) ?? known[0]
  if (name === undefined || known.length !== allowed.length) throw new RefusalError('forbidden', 'unknown_profile')
  return name
}
