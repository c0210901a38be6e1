// Brings a session here for a client that comes back to another instance than it left, and keeps it until the client has really come.

import type { SessionProfile } from '../../core/policy/profile.js'
import type { DialectName } from '../../core/protocol/dialect.js'
import { RefusalError } from '../../core/protocol/errors.js'
import { unpacked } from '../../core/session/move/pack.js'
import type { Identity } from '../../ports/caller.js'
import type { ClaimedSession, SessionKeeper } from '../../ports/keeper.js'
import type { MovedSession, ResumeRequest } from '../../ports/resume.js'
import { type Parcel, parcelIn } from './parcel.js'
import { unseal } from './sealed.js'
import { callerDigest, type Proof, proofOf } from './secrets.js'

export interface Arrival extends MovedSession {
  readonly id: string
  readonly epoch: number
  readonly parcel: Parcel
  readonly from: 'moved' | 'snapshot'
  /** The secret that it was brought with. */
  readonly used: Proof
  /** Messages that the client has. */
  readonly received: number
}

export interface Arrivals {
  fetch(request: ResumeRequest, identity: Identity, dialect: DialectName): Promise<Arrival | undefined>
  /** What waits for its client here. It does not any more. */
  takeOut(id: string): Buffer | undefined
}

interface Waiting {
  readonly sealed: Buffer
  readonly epoch: number
  readonly from: Arrival['from']
  readonly caller: string
  readonly timer: NodeJS.Timeout
}

/** How long the instance before may take to hand over. */
const HAND_OVER_MS = 2000
const LOOK_MS = 20
/** A client that did not get here may try again for so long. */
const WAIT_MS = 60_000
const MOST_WAITING = 1000

/** `isOver`: the session ended here meanwhile, or never came to be. */
export function createArrivals(keeper: SessionKeeper, now: () => number, endStale: (id: string) => void): Arrivals {
  const waiting = new Map<string, Waiting>()

  function takeOut(id: string): Waiting | undefined {
    const found = waiting.get(id)
    clearTimeout(found?.timer)
    waiting.delete(id)
    return found
  }

  function putIn(id: string, what: Omit<Waiting, 'timer'>): void {
    const oldest = waiting.keys().next().value
    if (waiting.size >= MOST_WAITING && oldest !== undefined) takeOut(oldest)
    waiting.set(id, { ...what, timer: setTimeout(() => waiting.delete(id), WAIT_MS).unref() })
  }

  async function fetch({ token, received }: ResumeRequest, identity: Identity, dialect: DialectName): Promise<Arrival | undefined> {
    const [id = '', secret = ''] = token.split('.')
    const used = proofOf(id, secret)
    const caller = callerDigest(identity, dialect)
    const here = waiting.get(id)
    if (here && here.caller === caller && unseal(id, here.sealed, used.key) !== undefined) {
      takeOut(id)
      return opened(id, here, used, received)
    }
    try {
      const found = await bring(id, used, caller, received)
      return found && opened(id, { ...found, caller }, used, received)
    } catch {
      return undefined
    }
  }

  async function bring(id: string, { digest }: Proof, caller: string, received: number): Promise<Pick<Waiting, 'sealed' | 'epoch' | 'from'> | undefined> {
    const claimed = await keeper.claim({ id, proof: digest.toString('hex'), subject: caller })
    if (!claimed) return undefined
    const { epoch } = claimed
    // It was here, went elsewhere, and comes back before this instance has noticed.
    endStale(id)
    const sealed = claimed.leftAs === undefined ? await handedOver(id, claimed, received) : await keeper.take(id, claimed.leftAs)
    if (sealed && sealed.length > 0) return { sealed, epoch, from: 'moved' }
    const snapshot = await keeper.takeSnapshot(id)
    if (snapshot) return { sealed: snapshot, epoch, from: 'snapshot' }
    keeper.drop(id, epoch)
    return undefined
  }

  /** Empty: its owner has nothing. Undefined: it does not answer. */
  async function handedOver(id: string, { owner, epoch }: ClaimedSession, received: number): Promise<Buffer | undefined> {
    if (owner === keeper.instance || !(await keeper.ask(owner, { id, epoch, received }))) return undefined
    const until = performance.now() + HAND_OVER_MS
    while (performance.now() < until) {
      const sealed = await keeper.take(id, epoch)
      if (sealed) return sealed
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
    return undefined
  }

  function opened(id: string, what: Omit<Waiting, 'timer'>, used: Proof, received: number): Arrival | undefined {
    const { sealed, epoch, from } = what
    const text = unseal(id, sealed, used.key)
    const parcel = text === undefined ? undefined : parcelIn(text)
    if (!parcel) return undefined
    let isTaken = false
    return {
      id,
      epoch,
      parcel,
      from,
      used,
      received,
      requestedModel: parcel.requestedModel,
      booked: parcel.booked,
      state(profile: SessionProfile, { subject, issuer, expiresAtMs: exp }: Identity, at: number) {
        // By the wall clock, which the instances share but for a little, and at least as long as no time at all.
        const passed = Math.max(0, now() - parcel.at)
        const term = { expiresAt: at + exp - now(), exp, caller: { subject, issuer } }
        const state = unpacked(parcel.state, { profile, now: at, shift: at - passed - parcel.clock, isLost: from === 'snapshot', ...term })
        if (!state) throw new RefusalError('resume_unknown', 'other_version')
        isTaken = true
        return state
      },
      putBack() {
        if (!isTaken) putIn(id, what)
        isTaken = true
      },
    }
  }

  return { fetch, takeOut: (id) => takeOut(id)?.sealed }
}
