// Brings a session here for a client that comes back to another instance than it left, and keeps it until the client has really come.

import type { SessionProfile } from '../../core/policy/profile.js'
import type { DialectName } from '../../core/protocol/dialect.js'
import { RefusalError } from '../../core/protocol/errors.js'
import { unpacked } from '../../core/session/move/pack.js'
import type { Identity } from '../../ports/caller.js'
import type { AskedSession, ClaimedSession, SessionKeeper } from '../../ports/keeper.js'
import type { MovedSession, ResumeRequest } from '../../ports/resume.js'
import { unseal } from '../../seal/sealed.js'
import { within } from '../../time/within.js'
import { type Parcel, parcelIn } from './parcel.js'
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

/** `giveUp`: this instance has had the session before, and may not know yet that it was taken. What it has of it counts only if nobody had it since. */
export function createArrivals(keeper: SessionKeeper, now: () => number, giveUp: (id: string) => Buffer | undefined): Arrivals {
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
    const session = { id, proof: digest.toString('hex'), subject: caller }
    // A store that is slow for a moment is asked again: another instance may be told that it has lost the session by now.
    const claimed = await keeper.claim(session).catch(() => keeper.claim(session, true))
    if (!claimed) return undefined
    const { epoch } = claimed
    const own = giveUp(id)
    const sealed = claimed.leftAs === undefined ? await handedOver(id, claimed, received, own) : await keeper.take(id, claimed.leftAs)
    const found = sealed ?? (await keeper.takeSnapshot(id))
    if (found) return { sealed: found, epoch }
    keeper.drop(id, epoch)
    return undefined
  }

  /** The owner may be about to have it only, so the one before is asked as well. Undefined: neither has anything, or answers. */
  async function handedOver(id: string, { owner, before, epoch }: ClaimedSession, received: number, own: Buffer | undefined): Promise<Buffer | undefined> {
    const until = performance.now() + HAND_OVER_MS
    for (const holder of new Set([owner, before])) {
      if (holder === keeper.instance && own) return own
      if (holder === '' || holder === keeper.instance || !(await keeper.ask(holder, { id, epoch, received }))) continue
      const sealed = await answered(id, epoch, until)
      if (sealed && sealed.length > 0) return sealed
    }
    return undefined
  }

  async function answered(id: string, epoch: number, until: number): Promise<Buffer | undefined> {
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
      trace: parcel.trace,
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
