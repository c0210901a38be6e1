// Brings a session here for a client that comes back to another instance than it left, and keeps it until the client has really come.

import type { SessionProfile } from '../../core/policy/profile.js'
import type { DialectName } from '../../core/protocol/dialect.js'
import { RefusalError } from '../../core/protocol/errors.js'
import { unpacked } from '../../core/session/move/pack.js'
import type { Identity } from '../../ports/caller.js'
import type { AskedSession, ClaimedSession, SessionKeeper } from '../../ports/keeper.js'
import type { MovedSession, ResumeRequest } from '../../ports/resume.js'
import { within } from '../../time/within.js'
import { type Parcel, parcelIn } from './parcel.js'
import { unseal } from './sealed.js'
import { callerDigest, type Proof, proofOf } from './secrets.js'

export interface Arrival extends MovedSession {
  readonly id: string
  readonly epoch: number
  readonly parcel: Parcel
  /** The secret that it was brought with. */
  readonly used: Proof
  /** Messages that the client has. */
  readonly received: number
}

export interface Arrivals {
  /** `again`: another attempt of the same client was under way. What it has brought is there now, or its client has come. */
  fetch(request: ResumeRequest, identity: Identity, dialect: DialectName): Promise<Arrival | 'again' | undefined>
  /** Another instance asks for what waits here for its client, or is about to. False: there is nothing. */
  handOn(asked: AskedSession): boolean
}

interface Waiting {
  readonly sealed: Buffer
  readonly epoch: number
  readonly caller: string
  readonly timer: NodeJS.Timeout
}

interface Coming {
  readonly id: string
  readonly ended: Promise<void>
  over(): void
  /** The last one to ask has it. */
  askedBy: AskedSession | undefined
}

/** How long the instance before may take to hand over. */
const HAND_OVER_MS = 2000
const LOOK_MS = 20
const SPARE_MS = 500
const NOTHING = Buffer.alloc(0)
/** A client that did not get here may try again for so long. */
const WAIT_MS = 60_000
const MOST_WAITING_BYTES = 67_108_864

/** `endStale`: this instance has had the session before, and may not know yet that it was taken. */
export function createArrivals(keeper: SessionKeeper, now: () => number, endStale: (id: string) => void): Arrivals {
  const waiting = new Map<string, Waiting>()
  let waitingBytes = 0
  /** What is being brought, until its client has it, or has gone. */
  const coming = new Map<string, Coming>()

  function takeOut(id: string): Waiting | undefined {
    const found = waiting.get(id)
    clearTimeout(found?.timer)
    if (waiting.delete(id)) waitingBytes -= found?.sealed.length ?? 0
    return found
  }

  function putIn(id: string, what: Omit<Waiting, 'timer'>): void {
    takeOut(id)
    waiting.set(id, { ...what, timer: setTimeout(() => takeOut(id), WAIT_MS).unref() })
    waitingBytes += what.sealed.length
    for (const oldest of waiting.keys()) {
      if (waitingBytes <= MOST_WAITING_BYTES) break
      takeOut(oldest)
    }
  }

  function begin(id: string): Coming {
    let resolved: () => void = () => undefined
    const ended = new Promise<void>((resolve) => {
      resolved = resolve
    })
    const one: Coming = {
      id,
      ended,
      askedBy: undefined,
      over() {
        if (coming.get(id) === one) coming.delete(id)
        resolved()
      },
    }
    coming.set(id, one)
    return one
  }

  /** True: another instance has asked meanwhile, and has it. */
  function handedOn({ askedBy }: Coming, sealed: Buffer): boolean {
    if (askedBy) keeper.hand(askedBy, sealed).catch(() => undefined)
    return askedBy !== undefined
  }

  async function fetch({ token, received }: ResumeRequest, identity: Identity, dialect: DialectName): Promise<Arrival | 'again' | undefined> {
    const [id = '', secret = ''] = token.split('.')
    const other = coming.get(id)
    if (other) {
      await within(HAND_OVER_MS + SPARE_MS, other.ended, () => undefined)
      return 'again'
    }
    const used = proofOf(id, secret)
    const caller = callerDigest(identity, dialect)
    const here = waiting.get(id)
    if (here && here.caller === caller && unseal(id, here.sealed, used.key) !== undefined) {
      takeOut(id)
      return opened(here, used, received, begin(id))
    }
    const one = begin(id)
    // If the store does not answer, this client cannot come back here.
    const found = await bring(id, used, caller, received).catch(() => undefined)
    const isGone = handedOn(one, found?.sealed ?? NOTHING)
    const arrival = found && !isGone ? opened({ ...found, caller }, used, received, one) : undefined
    if (!arrival) one.over()
    return arrival
  }

  async function bring(id: string, { digest }: Proof, caller: string, received: number): Promise<Pick<Waiting, 'sealed' | 'epoch'> | undefined> {
    const claimed = await keeper.claim({ id, proof: digest.toString('hex'), subject: caller })
    if (!claimed) return undefined
    const { epoch } = claimed
    // It was here, went elsewhere, and comes back before this instance has noticed.
    endStale(id)
    const sealed = claimed.leftAs === undefined ? await handedOver(id, claimed, received) : await keeper.take(id, claimed.leftAs)
    const found = sealed && sealed.length > 0 ? sealed : await keeper.takeSnapshot(id)
    if (found) return { sealed: found, epoch }
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

  function opened(what: Omit<Waiting, 'timer'>, used: Proof, received: number, one: Coming): Arrival | undefined {
    const { id } = one
    const { sealed, epoch } = what
    const text = unseal(id, sealed, used.key)
    const parcel = text === undefined ? undefined : parcelIn(text)
    if (!parcel) return undefined
    let isTaken = false
    return {
      id,
      epoch,
      parcel,
      used,
      received,
      requestedModel: parcel.requestedModel,
      booked: parcel.booked,
      state(profile: SessionProfile, { subject, issuer, expiresAtMs: exp }: Identity, at: number) {
        if (handedOn(one, sealed)) throw new RefusalError('resume_unknown', 'superseded')
        // By the wall clock, which the instances share but for a little, and at least as long as no time at all.
        const passed = Math.max(0, now() - parcel.at)
        const term = { expiresAt: at + exp - now(), exp, caller: { subject, issuer } }
        const state = unpacked(parcel.state, { profile, now: at, shift: at - passed - parcel.clock, isLost: parcel.from === 'snapshot', ...term })
        if (!state) throw new RefusalError('resume_unknown', 'other_version')
        isTaken = true
        one.over()
        return state
      },
      putBack() {
        if (isTaken) return
        isTaken = true
        if (!handedOn(one, sealed)) putIn(id, what)
        one.over()
      },
    }
  }

  return {
    fetch,
    handOn(asked) {
      const other = coming.get(asked.id)
      if (other) other.askedBy = asked
      const here = other ? undefined : takeOut(asked.id)
      if (here) keeper.hand(asked, here.sealed).catch(() => undefined)
      return other !== undefined || here !== undefined
    },
  }
}
