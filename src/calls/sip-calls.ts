// Takes calls that ring by SIP: each is admitted, accepted with the server's session, recorded, and held by a session over its sideband; or it is rejected.
import { randomBytes } from 'node:crypto'
import type { SessionProfile } from '../core/policy/profile.js'
import { mayTryAgain, RefusalError } from '../core/protocol/errors.js'
import type { CallRecord, CallRecords } from '../ports/call-records.js'
import type { CallProvider, PlacedCall } from '../ports/calls.js'
import type { AdmittedPhoneCaller, PhoneDesk, Ring, SessionPhone } from '../ports/phone.js'
import { offeredSession } from './call-session.js'
import { callerDigest } from './desk.js'
import { sealParcel } from './parcel.js'
import type { RunningCalls } from './running.js'
import { sipProfile, unheardBySip } from './sip-session.js'

/** `gone`: the caller hung up first. `lost`: it was accepted, and no session could hold it. */
export const RING_OUTCOMES = ['accepted', 'rejected', 'gone', 'lost'] as const
export type RingOutcome = (typeof RING_OUTCOMES)[number]

export interface SipCallsDeps {
  readonly desk: Pick<PhoneDesk, 'admit'>
  readonly provider: Pick<CallProvider, 'accept' | 'reject'>
  readonly records: Pick<CallRecords, 'add'>
  readonly running: Pick<RunningCalls, 'begin' | 'giveUp'>
  /** All relays have it. Undefined: they can hang up each other's calls, and not take them over. */
  readonly sealingKey: Buffer | undefined
  readonly phoneOf: (profile: SessionProfile, placed: PlacedCall) => SessionPhone
  readonly onRing: (outcome: RingOutcome) => void
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void }
  readonly now: () => number
}

const BUSY = 486
const DECLINE = 603
const RETRY_SECONDS = 5
/** A call is accepted while its other end still rings: its sideband may be there a moment later. */
const PATIENCE_MS = 2000

/** Resolves once the call is held, or is nobody's. Never rejects. */
export function createSipCalls(deps: SipCallsDeps): (ring: Ring) => Promise<void> {
  const { desk, provider, records, running, sealingKey, phoneOf, onRing, log, now } = deps

  async function take(ring: Ring): Promise<void> {
    let caller: AdmittedPhoneCaller | undefined
    try {
      caller = await desk.admit(ring)
      const { sessionId } = caller
      const profile = sipProfile(caller.profile)
      const placed = await provider.accept({
        callId: ring.carrierCallId,
        session: offeredSession(profile),
        correlationId: sessionId,
        signal: new AbortController().signal,
        zones: profile.zones,
      })
      const admitted = caller
      // From here on the session's end gives the places back.
      caller = undefined
      await hold(admitted, profile, placed)
    } catch (error) {
      caller?.release()
      await notTaken(ring, caller?.sessionId, error)
    }
  }

  async function notTaken({ carrierCallId }: Ring, sessionId: string | undefined, error: unknown): Promise<void> {
    const { code, why } = error instanceof RefusalError ? error : new RefusalError('internal', 'failed')
    if (code === 'not_found' && sessionId !== undefined) {
      onRing('gone')
      return log.info({ sessionId }, 'SIP caller left before the call was accepted')
    }
    const sipStatus = mayTryAgain(code) ? BUSY : DECLINE
    onRing('rejected')
    log.info({ sessionId, code, why, sipStatus }, 'SIP call rejected')
    await provider.reject(carrierCallId, sipStatus)
  }

  /** The call is hung up if it cannot be held. */
  async function hold(caller: AdmittedPhoneCaller, profile: SessionProfile, placed: PlacedCall): Promise<void> {
    const { identity, sessionId, chosen, tools } = caller
    const id = `rtc_${randomBytes(16).toString('hex')}`
    const parcel = { identity, sessionId, mode: 'media-only', requestedModel: undefined, trace: undefined, wishes: {}, carrier: 'sip' } as const
    const sealed = sealingKey ? sealParcel(id, parcel, sealingKey).toString('base64') : ''
    const record: CallRecord = { id, placed, caller: callerDigest(identity), since: now(), sealed }
    let isOpen = false
    const onOpen = () => {
      isOpen = true
    }
    const session = { identity, sessionId, profile, chosen, tools, requestedModel: undefined, phone: phoneOf(chosen, placed), onOpen, onEnd: caller.release }
    try {
      await records.add(record).catch(() => {
        throw new RefusalError('internal', 'call_not_recorded', RETRY_SECONDS)
      })
      await running.begin({ record, mode: 'media-only', session, signal: new AbortController().signal, patienceMs: PATIENCE_MS })
      onRing('accepted')
      log.info({ sessionId, call: id, profile: profile.name }, 'SIP call accepted')
      const unheard = unheardBySip(chosen)
      if (unheard.length > 0) log.info({ sessionId, settings: unheard }, 'settings that the service refuses to calls by SIP are left out')
    } catch (error) {
      if (!isOpen) caller.release()
      running.giveUp(record)
      onRing('lost')
      log.warn({ sessionId, call: id, why: error instanceof RefusalError ? error.why : 'failed' }, 'an accepted SIP call could not be held')
    }
  }

  return take
}
