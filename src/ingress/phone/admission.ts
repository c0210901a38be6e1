// Decides whether a caller on the telephone comes in: every check, in order, in one function. Nothing is dialled before all have passed.
import { randomUUID } from 'node:crypto'
import type { Config } from '../../config/config.js'
import type { TelephonyConfig } from '../../config/telephony-config.js'
import type { SessionProfile } from '../../core/policy/profile.js'
import { type QuotaLeft, spentRule } from '../../core/policy/quota.js'
import { type RefusalCode, RefusalError } from '../../core/protocol/errors.js'
import type { AuditBook } from '../../ports/audit.js'
import type { Identity } from '../../ports/caller.js'
import type { AdmittedPhoneCaller, Carrier, Ring } from '../../ports/phone.js'
import type { Store } from '../../ports/store.js'
import type { ToolSet } from '../../ports/tools.js'
import { PHONE_ISSUER, type PhoneCaller, phoneCaller } from './caller.js'
import type { Format } from './gaps.js'
import { phoneProfile } from './phone-profile.js'
import { takePlaces } from './places.js'

export interface PhoneAdmissionDeps {
  readonly config: Pick<TelephonyConfig, 'profiles' | 'callers' | 'withheld' | 'limits' | 'claims'>
  readonly maxSessions: Config['limits']['maxSessions']
  /** The claim by which a profile is chosen. */
  readonly profileClaim: string
  /** All relays have it: their digests of a number are the same. */
  readonly callerKey: Buffer
  readonly store: Pick<Store, 'rates' | 'leases' | 'revocations'>
  /** Throws `forbidden` if there is no such profile any more. */
  readonly profileFor: (identity: Identity) => SessionProfile
  readonly toolsFor: (profile: SessionProfile) => ToolSet
  /** Longest session of this profile, in milliseconds. */
  readonly longestMs: (profile: string) => number
  /** Empty: no quota. Undefined: the store cannot be asked now. */
  readonly quotaLeft: (identity: Identity, profile: SessionProfile) => Promise<readonly QuotaLeft[] | undefined>
  readonly draining: () => boolean
  readonly overloaded: () => boolean
  readonly unaudited?: () => boolean
  readonly sessionCount: () => number
  /** Epoch milliseconds. */
  readonly now: () => number
  readonly counted: { call(carrier: Carrier): void; refused(code: RefusalCode): void }
  /** Absent: there is no audit. */
  readonly audit?: Pick<AuditBook, 'record'> | undefined
  readonly log: { info(fields: object, message: string): void }
}

export interface PhoneAdmission {
  /** Callers who are in. */
  readonly size: number
  /** `moved`: another instance admitted the call, and lets it go. Rejects with a `RefusalError`. */
  admit(ring: Ring, format: Format | undefined, moved: boolean): Promise<AdmittedPhoneCaller>
  /** The refusal that an error means, logged, counted and audited, and marked so. */
  refused(error: unknown, carrier: Carrier): RefusalError
}

const HOUR_SECONDS = 3600
const RETRY = { draining: 1, unaudited: 5, overloaded: 5, full: 5, quota: 5 }
/** Past the longest session, so that its end is that of any session and not that of a token. */
const SPARE_MS = 60_000

export function createPhoneAdmission(deps: PhoneAdmissionDeps): PhoneAdmission {
  const { config, store, counted, log } = deps
  let admitting = 0
  let size = 0

  function checkOpen(): void {
    if (deps.draining()) throw new RefusalError('draining', 'draining', RETRY.draining)
    if (deps.unaudited?.()) throw new RefusalError('audit_unavailable', 'audit', RETRY.unaudited)
    if (deps.overloaded()) throw new RefusalError('overloaded', 'memory', RETRY.overloaded)
  }

  async function checkRate({ subject, isWithheld }: PhoneCaller): Promise<void> {
    const { perCallerPerHour, withheld } = config.limits
    const burst = perCallerPerHour * (isWithheld ? withheld : 1)
    const taken = await store.rates.take(`phone:${subject}`, 1, { perSecond: burst / HOUR_SECONDS, burst })
    if (!taken.ok) throw new RefusalError('rate_limited', 'caller_rate', Math.max(1, Math.ceil(taken.retryAfterMs / 1000)))
  }

  async function checkQuota(identity: Identity, profile: SessionProfile): Promise<void> {
    if (!profile.quota) return
    const left = await deps.quotaLeft(identity, profile)
    if (!left && !profile.quota.failOpen) throw new RefusalError('internal', 'quota_unknown', RETRY.quota)
    const spent = left && spentRule(left)
    if (spent) throw new RefusalError('budget_spent', 'quota', spent.resetsAt === undefined ? undefined : Math.max(1, (spent.resetsAt - deps.now()) / 1000))
  }

  /** No claim of the admin's rules, and so no header, chooses the profile. */
  function identityOf({ subject, claims, profile }: PhoneCaller): Identity {
    const expiresAtMs = deps.now() + deps.longestMs(profile) + SPARE_MS
    return { subject, issuer: PHONE_ISSUER, tokenId: undefined, expiresAtMs, claims: { ...claims, [deps.profileClaim]: profile }, profile }
  }

  function checkRevoked(isRevoked: boolean): void {
    if (isRevoked) throw new RefusalError('forbidden', 'revoked')
  }

  async function checked(ring: Ring, format: Format | undefined, moved: boolean): Promise<AdmittedPhoneCaller> {
    checkOpen()
    const caller = phoneCaller(ring, config, deps.callerKey)
    const identity = identityOf(caller)
    checkRevoked(await store.revocations.isRevoked(identity))
    if (!moved) await checkRate(caller)
    if (deps.sessionCount() + admitting - 1 >= deps.maxSessions) throw new RefusalError('too_many_sessions', 'process_full', RETRY.full)
    const sessionId = randomUUID()
    const release = await takePlaces(store.leases, caller, sessionId, config.limits, moved)
    try {
      const chosen = deps.profileFor(identity)
      await checkQuota(identity, chosen)
      const tools = deps.toolsFor(chosen)
      // The checks before may have taken a second.
      checkRevoked(store.revocations.isKnown(identity))
      checkOpen()
      return { sessionId, identity, chosen, profile: phoneProfile(chosen, format), tools, release }
    } catch (error) {
      release()
      throw error
    }
  }

  async function admit(ring: Ring, format: Format | undefined, moved: boolean): Promise<AdmittedPhoneCaller> {
    admitting++
    try {
      const caller = leaving(await checked(ring, format, moved))
      counted.call(ring.carrier)
      log.info({ sessionId: caller.sessionId, carrier: ring.carrier, profile: caller.chosen.name }, 'telephone call admitted')
      return caller
    } catch (error) {
      throw refused(error, ring.carrier)
    } finally {
      admitting--
    }
  }

  function leaving(caller: AdmittedPhoneCaller): AdmittedPhoneCaller {
    size++
    let isIn = true
    const release = () => {
      if (isIn) size--
      isIn = false
      caller.release()
    }
    return { ...caller, release }
  }

  function refused(error: unknown, carrier: Carrier): RefusalError {
    const refusal = error instanceof RefusalError ? error : new RefusalError('internal', 'admission_failed')
    counted.refused(refusal.code)
    deps.audit?.record('refused', { code: refusal.code, carrier })
    log.info({ code: refusal.code, why: refusal.why, carrier, ...refusal.details.log }, 'telephone call refused')
    // A media socket that is refused with it would be written down a second time.
    return deps.audit ? new RefusalError(refusal.code, refusal.why, refusal.retryAfterSeconds, { ...refusal.details, isAudited: true }) : refusal
  }

  return {
    get size() {
      return size
    },
    admit,
    refused,
  }
}
