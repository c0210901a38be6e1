// Runs WebRTC calls from placing to hang-up. Whatever fails in between, and whoever leaves, no call goes on without a session that watches it.
import { createHash, randomBytes } from 'node:crypto'
import { RefusalError } from '../core/protocol/errors.js'
import { rewriteAnswer } from '../core/sdp/answer.js'
import type { CallDesk, NewCall } from '../ports/call-desk.js'
import type { CallRecord, CallRecords, CallTickets } from '../ports/call-records.js'
import type { Identity } from '../ports/caller.js'
import type { CallClaim, CallProvider } from '../ports/calls.js'
import { offeredSession, wishedProfile } from './call-session.js'
import { sealParcel } from './parcel.js'
import type { RunningCalls } from './running.js'
import { createTickets } from './tickets.js'

export interface CallDeskDeps {
  readonly provider: CallProvider
  readonly records: CallRecords
  readonly tickets: CallTickets
  /** All relays have it. Undefined: they can hang up each other's calls, and not take them over. */
  readonly sealingKey: Buffer | undefined
  readonly now: () => number
  /** The caller's call that is open here. */
  readonly claim: (id: string, identity: Identity) => CallClaim | undefined
  /** Brings a call here that runs elsewhere. */
  readonly fetch: (id: string, caller: string) => Promise<boolean>
}

const RETRY_SECONDS = 5

export function createCallDesk(deps: CallDeskDeps, running: RunningCalls): CallDesk {
  const { provider, records, sealingKey } = deps

  async function open(call: NewCall): Promise<{ readonly id: string; readonly sdp: string }> {
    const { identity, sessionId, trace, wishes, mode, requestedModel, offer, signal } = call
    const profile = wishedProfile(call.profile, wishes)
    const placed = await provider.place({ sdp: offer.sdp, session: offeredSession(profile), correlationId: sessionId, trace, signal, zones: profile.zones })
    const id = `rtc_${randomBytes(16).toString('hex')}`
    const sealed = sealingKey ? sealParcel(id, { identity, sessionId, mode, requestedModel, trace, wishes }, sealingKey).toString('base64') : ''
    const record: CallRecord = { id, placed: placed.call, caller: callerDigest(identity), since: deps.now(), sealed }
    try {
      const answer = rewriteAnswer(placed.sdp, offer)
      if (!answer.ok) throw new RefusalError('upstream_refused', 'bad_answer')
      if (signal.aborted) throw new RefusalError('internal', 'caller_left')
      // Before the caller has the answer: from then on somebody knows of the call, even if this instance dies.
      await records.add(record).catch(() => {
        throw new RefusalError('internal', 'call_not_recorded', RETRY_SECONDS)
      })
      await running.begin({ record, session: { ...call, profile, chosen: call.profile }, mode, signal })
      return { id, sdp: answer.value }
    } catch (error) {
      running.giveUp(record)
      throw error
    }
  }

  async function hangUp(id: string, identity: Identity): Promise<void> {
    const caller = callerDigest(identity)
    const here = running.get(id)
    const record = here?.record ?? (await records.find(id).catch(storeAway))
    if (!record || record.caller !== caller || caller === '') throw new RefusalError('not_found', 'unknown_call')
    if (here) {
      if (!(await running.end(id))) throw new RefusalError('upstream_refused', 'not_hung_up', RETRY_SECONDS)
      return
    }
    // Another instance has it, and sees that the call is over.
    await provider.hangUp(record.placed)
    await records.remove(id).catch(() => undefined)
  }

  async function claim(id: string, identity: Identity): Promise<CallClaim | undefined> {
    const here = deps.claim(id, identity)
    if (here || running.get(id)) return here
    return (await deps.fetch(id, callerDigest(identity))) ? deps.claim(id, identity) : undefined
  }

  return { open, hangUp, claim, ...createTickets(deps.tickets) }
}

function storeAway(): never {
  throw new RefusalError('internal', 'calls_unknown', RETRY_SECONDS)
}

export function callerDigest({ issuer, subject }: Pick<Identity, 'issuer' | 'subject'>): string {
  return createHash('sha256')
    .update(JSON.stringify([issuer ?? null, subject]))
    .digest('hex')
}
