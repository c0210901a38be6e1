// The command `explain`: says what a token's session would be, and which claim or variable decided it.

import { createHash } from 'node:crypto'
import { createAuthenticator } from '../auth/authenticator.js'
import { openingTexts } from '../config/client-may-set.js'
import type { Config, WebrtcMode } from '../config/config.js'
import { loadConfig, processEnvironment } from '../config/load.js'
import type { VariableName } from '../config/variables.js'
import { webrtcMode } from '../config/webrtc.js'
import { claimAt, claimValues } from '../core/policy/claim-values.js'
import { enforcementOf } from '../core/policy/enforcement.js'
import { type QuotaSource, ruleFor } from '../core/policy/quota-claims.js'
import { RefusalError } from '../core/protocol/errors.js'
import { withBuiltIns } from '../core/session/manners/built-in.js'
import type { Identity } from '../ports/caller.js'
import { chooseProfile, maxSessionsPerUser } from '../profiles/choose.js'
import { keyFetch } from '../server/key-fetch.js'
import { toolRegistryOptions } from '../server/tools.js'
import { checkTools } from '../tools/check.js'
import { createToolRegistry } from '../tools/registry.js'
import { refusalWords } from './refusal-words.js'
import { refusedClaims } from './refused-claims.js'

/** False if the token is refused. Prints only a hash of the instructions, which the holder of a token need not know. Rejects with a `ConfigError`. */
export async function explain(token: string, print: (line: string) => void): Promise<boolean> {
  const config = loadConfig(checkTools)
  const authenticator = createAuthenticator(config.auth, keyFetch(config))
  const registry = await createToolRegistry(config.tools, toolRegistryOptions(config))
  try {
    const identity = await authenticator.verify(token)
    const { profile } = chooseProfile(config, (names) => registry.toolSet(names), identity, undefined)
    const hash = createHash('sha256').update(profile.instructions).digest('hex').slice(0, 12)
    const own = ownOf(config, profile.name)
    const { limits } = profile
    const rows = [
      row('subject', identity.subject, 'claim sub'),
      row('token expires', new Date(identity.expiresAtMs).toISOString(), 'claim exp; the session ends then, unless a new token of the same caller comes'),
      row('profile', profile.name, profileWhy(config, identity.claims)),
      row('instructions', `sha256 ${hash}…, ${profile.instructions.length} characters`, own('instructions', 'INSTRUCTIONS')),
      ...withBuiltIns(profile, true).tools.map((tool) =>
        row('tool', tool.definition.name, `answered by the ${tool.owner === 'server' ? 'relay, hidden from the client' : 'client'}`),
      ),
      row('client may set', openingTexts(profile.clientMaySet, profile.clientMaySetValues).join(', ') || 'nothing', own('clientMaySet', 'CLIENT_MAY_SET')),
      row('client may seed history', String(profile.clientMaySeedHistory), variable('CLIENT_MAY_SEED_HISTORY')),
      row('relay events', String(profile.relayEvents), identity.claims.relayEvents === true ? 'claim relayEvents' : own('relayEvents', undefined)),
      row('longest session', `${limits.maxSessionMs / 1000} s`, own('maxSessionMs', 'MAX_SESSION_SECONDS')),
      row('idle timeout', `${limits.idleTimeoutMs / 1000} s`, own('idleTimeoutMs', 'IDLE_TIMEOUT_SECONDS')),
      row('sessions at once', String(maxSessionsPerUser(config, profile.name)), own('maxSessionsPerUser', 'MAX_SESSIONS_PER_USER')),
      row('responses a minute', String(limits.responsesPerMinute), own('responsesPerMinute', 'RESPONSES_PER_MINUTE')),
      row('session updates a minute', String(limits.sessionUpdatesPerMinute), own('sessionUpdatesPerMinute', 'SESSION_UPDATES_PER_MINUTE')),
      row('items', String(limits.maxItems), own('maxItems', 'MAX_ITEMS_PER_SESSION')),
      row('messages a second', String(limits.messagesPerSecond ?? config.limits.messagesPerSecond), own('messagesPerSecond', 'MESSAGES_PER_SECOND')),
      row('bytes a second', String(limits.bytesPerSecond ?? config.limits.bytesPerSecond), own('bytesPerSecond', 'BYTES_PER_SECOND')),
      row(
        'audio, seconds a second',
        String(config.profiles[profile.name]?.limits.audioSecondsPerSecond ?? config.limits.audioSecondsPerSecond),
        own('audioSecondsPerSecond', 'AUDIO_SECONDS_PER_SECOND'),
      ),
      ...quotaRows(config, profile.name, identity.claims),
      ...enforcementRows(webrtcMode(config, profile.name), own('webrtc', 'WEBRTC')),
      row('tool rounds', String(limits.toolMaxRounds), variable('TOOL_MAX_ROUNDS')),
      ...config.renamed.map(({ from, to, until }) => row('renamed setting', `${from} is ${to}`, `the old name is read until version ${until}`)),
    ]
    for (const line of rows) print(line)
    return true
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    print(row('refused', error.code, `${error.why}: ${refusalWords(error.why)}`))
    for (const [what, value, why] of refusedClaims(token, error.why, config)) print(row(what, value, why))
    return false
  } finally {
    await registry.close()
  }
}

function profileWhy({ profileClaim, profileValues }: Config, claims: Identity['claims']): string {
  if (claimAt(claims, profileClaim) === undefined) return `no claim ${profileClaim}`
  if (!profileValues) return `claim ${profileClaim}`
  const fits = claimValues(claims, profileClaim).some((value) => Object.hasOwn(profileValues, String(value)))
  return fits ? `claim ${profileClaim}, by JWT_PROFILE_MAP` : `claim ${profileClaim} has no value of JWT_PROFILE_MAP`
}

function quotaRows({ profiles, prices }: Config, profileName: string, claims: Identity['claims']): readonly string[] {
  return (profiles[profileName]?.quota ?? []).map((setting) => {
    const { rule, source } = ruleFor(setting, claims)
    const amount = `${rule.max}${rule.of === 'money' ? ` ${prices?.currency ?? ''}` : ''} per ${rule.per}`
    const why: Record<QuotaSource, string> = {
      profile: `profile ${profileName} of PROFILES_FILE`,
      claim: `claim ${setting.claim}`,
      claim_cut: `claim ${setting.claim}, cut to claimMax of profile ${profileName}`,
      claim_missing: `profile ${profileName} of PROFILES_FILE; no claim ${setting.claim}`,
      claim_malformed: `profile ${profileName} of PROFILES_FILE; claim ${setting.claim} is no amount`,
    }
    return row(`quota of ${rule.of === 'audioMinutes' ? 'audio minutes' : rule.of}`, amount, why[source])
  })
}

function enforcementRows(mode: WebrtcMode, why: string): readonly string[] {
  const inline = row('enforcement', 'prevents', 'over WebSocket no forbidden event reaches the model')
  if (mode === 'off') return [inline, row('WebRTC calls', 'off', why)]
  return [
    inline,
    row('WebRTC calls', mode, why),
    row('enforcement in calls', enforcementOf(mode), mode === 'shared' ? 'seen afterwards, undone, counted' : 'callers have no channel for events'),
  ]
}

/** Which of the two decided a field: the profile, or the variable that holds for all. */
function ownOf({ profiles }: Config, name: string): (field: string, other: VariableName | undefined) => string {
  const profile = profiles[name]
  return (field, other) => {
    const set = Object.hasOwn(profile?.limits ?? {}, field) || profile?.own?.includes(field) === true
    return set ? `profile ${name} of PROFILES_FILE` : other === undefined ? 'the default' : variable(other)
  }
}

/** The variable, or that it is not set and has its default. */
function variable(name: VariableName): string {
  const env = processEnvironment()
  return [name, `${name}_FILE`].some((one) => (env[one] ?? '').trim() !== '') ? name : `the default of ${name}`
}

function row(what: string, value: string, why: string): string {
  return `${what.padEnd(24)} ${value.padEnd(36)} ${why}`
}
