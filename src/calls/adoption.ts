// Keeps the leases of this relay's calls, and takes over calls that no relay has any more: their sideband, or at least their hang-up.
import { setTimeout as pause } from 'node:timers/promises'
import { RefusalError } from '../core/protocol/errors.js'
import type { CallRecord, CallRecords } from '../ports/call-records.js'
import type { PlacedCall } from '../ports/calls.js'
import { wishedProfile } from './call-session.js'
import { type CallParcel, openParcel } from './parcel.js'
import type { CallSession, RunningCalls } from './running.js'

export const ADOPTION_RESULTS = ['adopted', 'hung_up', 'too_old'] as const
export type AdoptionResult = (typeof ADOPTION_RESULTS)[number]

/** `profile`: before the caller's settings are put into it. `phone`: of a call by SIP. */
export type Readmitted = Pick<CallSession, 'profile' | 'chosen' | 'tools' | 'phone' | 'onEnd'>

export interface AdoptionDeps {
  readonly records: CallRecords
  readonly running: RunningCalls
  readonly sealingKey: Buffer | undefined
  readonly now: () => number
  /** Whether this relay has room for calls of others. */
  readonly mayAdopt: () => boolean
  /** Everything that is asked at the door, once more. Rejects with a `RefusalError` if the caller may not go on. */
  readonly readmit: (parcel: CallParcel, placed: PlacedCall) => Promise<Readmitted>
  readonly onAdopted: (result: AdoptionResult) => void
  readonly log: { info(fields: object, message: string): void }
  /** Between two looks; 2 s by default, a third of a lease. */
  readonly everyMs?: number
}

export interface Adoption {
  /** Brings a call here that runs elsewhere, if it is this caller's. False: it is not here, and may go on there. Never rejects. */
  fetch(id: string, caller: string): Promise<boolean>
  /** Renews and looks once. Never rejects. */
  look(): Promise<void>
  stop(): void
}

const EVERY_MS = 2_000
/** Of one look, so that the calls of a dead relay spread over those that live. */
const MOST = 20
/** No service keeps a call for longer. */
const OLDEST_MS = 2 * 3_600_000
/** After the store was away its leases may be old only because nobody could renew them: their owners go first. */
const QUIET_LOOKS = 2
/** Its owner ends its own session first, so that no call has two. */
const FETCH_MS = 2_000
const FETCH_PAUSE_MS = 25

/** Looks at once: an earlier process may have left calls. */
export function createAdoption(deps: AdoptionDeps): Adoption {
  const { records, running, sealingKey, now, everyMs = EVERY_MS } = deps
  let isLooking = false
  let quiet = 0

  async function look(): Promise<void> {
    if (isLooking) return
    isLooking = true
    try {
      for (const id of await records.renew()) running.leave(id, 'lost')
      if (quiet > 0) quiet--
      else if (deps.mayAdopt()) for (const record of await records.adopt(MOST)) void adopt(record)
    } catch {
      quiet = QUIET_LOOKS
    } finally {
      isLooking = false
    }
  }

  async function fetch(id: string, caller: string): Promise<boolean> {
    const until = performance.now() + FETCH_MS
    try {
      const known = await records.find(id)
      if (!known || known.caller !== caller || known.sealed === '' || !deps.mayAdopt() || !(await records.ask(id))) return false
      while (performance.now() < until) {
        const record = await records.take(id)
        if (record) return await adopt(record)
        await pause(FETCH_PAUSE_MS)
      }
    } catch {
      // The store is away: the call stays where it is.
    }
    return false
  }

  /** Whether it goes on here. */
  async function adopt(record: CallRecord): Promise<boolean> {
    const age = now() - record.since
    if (age > OLDEST_MS) {
      deps.onAdopted('too_old')
      await records.remove(record.id).catch(() => undefined)
      return false
    }
    try {
      await takeOver(record, age)
      deps.onAdopted('adopted')
      deps.log.info({ call: record.id }, 'call adopted')
      return true
    } catch (error) {
      deps.onAdopted('hung_up')
      deps.log.info({ call: record.id, why: error instanceof RefusalError ? error.why : 'failed' }, 'call not adopted')
      running.giveUp(record)
      return false
    }
  }

  async function takeOver(record: CallRecord, age: number): Promise<void> {
    const parcel = sealingKey && record.sealed !== '' ? openParcel(record.id, Buffer.from(record.sealed, 'base64'), sealingKey) : undefined
    if (!parcel) throw new RefusalError('internal', 'not_readable')
    const { profile, onEnd, ...admitted } = await deps.readmit(parcel, record.placed)
    const wished = wishedProfile(profile, parcel.wishes)
    // The time with other relays counts.
    const limits = { ...wished.limits, maxSessionMs: Math.max(1, wished.limits.maxSessionMs - age) }
    const { identity, sessionId, requestedModel, trace, mode } = parcel
    const session = { identity, sessionId, requestedModel, trace, ...admitted, profile: { ...wished, limits }, onEnd }
    let isOpen = false
    const onOpen = () => {
      isOpen = true
    }
    try {
      await running.begin({ record, mode, session: { ...session, onOpen }, signal: new AbortController().signal, adopted: true })
    } catch (error) {
      if (!isOpen) onEnd()
      throw error
    }
  }

  const timer = setInterval(() => void look(), everyMs)
  timer.unref()
  records.onAsked((id) => running.leave(id, 'asked'))
  void look()
  return { look, fetch, stop: () => clearInterval(timer) }
}
