// The way of sessions between instances: says which this one has, hands over what others ask for, and brings here what a client comes for.
import { toWireClose } from '../../core/protocol/errors.js'
import type { Action } from '../../core/session/actions.js'
import { packed } from '../../core/session/move/pack.js'
import { suspended } from '../../core/session/move/suspend.js'
import type { AskedSession, SessionKeeper } from '../../ports/keeper.js'
import { seal } from '../../seal/sealed.js'
import { saidSoFar } from '../loss-inputs.js'
import { type Entry, keptOf, type ResumedSession } from './entry.js'
import { type Parcel, parcelText } from './parcel.js'

export interface Moves {
  /** The others know from now on that this instance has the session, and which secrets open it. */
  tell(entry: Entry): void
  /** True: this instance has the session, as far as can be known in `withinMs`. False: another has, and the session ends here. */
  hasStill(entry: Entry, withinMs: number): Promise<boolean>
  /** Before a tool starts: as `hasStill`, and with snapshots the others know that it was started. */
  mayAct(entry: Entry): Promise<boolean>
  /** A turn is over. */
  snapshot(entry: Entry): void
  /** The session ends here with what core does next. */
  send(entry: Entry, action: Extract<Action, { type: 'export' }>): void
  /** Another instance has it, or this one is about to have it anew: what there is here of it, if anything. */
  giveUp(id: string): Buffer | undefined
  /** The session is over. */
  over(entry: Entry): void
}

export interface MovesOptions {
  readonly keeper: SessionKeeper
  readonly snapshots: boolean
  readonly now: () => number
  /** Those that may go on elsewhere. */
  readonly entries: () => Iterable<Entry>
  readonly entryOf: (id: string) => Entry | undefined
  /** True: it was brought here, or is being brought, and will be given to whom asks for it. */
  readonly handOn: (session: AskedSession) => boolean
}

/** How often the others hear that a session is still here. */
const BEAT_MS = 10_000
const TELL_MS = 1000
/** A tool waits no longer for the word of the store. */
const FENCE_MS = 50
/** Of what a client was sent last, if it is not known what it has. */
const TAIL_BYTES = 262_144
/** Whoever was faster asks within this. */
const LEFT_MS = 5000
/** A client that has to go elsewhere is not held up for longer, if the store does not answer. */
const CLOSE_MS = 500

export function createMoves({ keeper, snapshots, now, entries, entryOf, handOn }: MovesOptions): Moves {
  /** Whom a session is handed to, from the question until the answer. */
  const asked = new Map<string, AskedSession>()
  const writing = new Set<string>()
  const stale = new Set<string>()
  /** What has left for whom has it by now, until that one asks. */
  const left = new Map<string, Buffer>()

  keeper.onAsked((session) => {
    const entry = entryOf(session.id)
    // It has been overtaken.
    if (entry && session.epoch <= entry.epoch) return
    if (!entry && handOn(session)) return
    asked.set(session.id, session)
    if (entry) moveOut(entry)
    if (asked.delete(session.id)) hand(session, left.get(session.id) ?? Buffer.alloc(0))
  })

  keeper.onReady(() => void beat())
  let isBeating = false

  /** For as long as there is anything to say. */
  function beatLater(): void {
    if (isBeating) return
    isBeating = true
    const next = async () => {
      await beat()
      isBeating = false
      if (!isEmpty(entries())) beatLater()
    }
    setTimeout(() => void next(), BEAT_MS).unref()
  }

  /** The first that is not heard is the last one tried: the next beat says it again. */
  async function beat(): Promise<void> {
    for (const entry of [...entries()]) if (entryOf(entry.id) === entry && (await stillHere(entry, TELL_MS)) === undefined) return
  }

  /** Undefined: it cannot be known in time. */
  async function stillHere(entry: Entry, withinMs: number, snapshot?: Buffer): Promise<boolean | undefined> {
    const isHere = await keeper.keep(keptOf(entry), withinMs, snapshot).catch(() => undefined)
    // Whoever has it by now may be about to ask for it.
    if (isHere === false) moveOut(entry)
    return isHere
  }

  function moveOut({ session }: Entry): void {
    session?.apply({ type: 'move', said: saidSoFar(session) })
  }

  async function hasStill(entry: Entry, withinMs: number, snapshot?: Buffer): Promise<boolean> {
    return (await stillHere(entry, withinMs, snapshot)) !== false
  }

  function hand(session: AskedSession, sealed: Buffer): void {
    keeper.hand(session, sealed).catch(() => undefined)
  }

  async function leave(entry: Entry, sealed: Buffer): Promise<void> {
    // If the store does not answer, nobody will ask.
    if (!(await keeper.leave(keptOf(entry), sealed).catch(() => true))) keepForAsker(entry.id, sealed)
  }

  function keepForAsker(id: string, sealed: Buffer): void {
    left.set(id, sealed)
    setTimeout(() => left.delete(id), LEFT_MS).unref()
  }

  function sealedState(entry: Entry, session: ResumedSession, what: Pick<Parcel, 'from' | 'state' | 'first'> & { readonly messages: readonly unknown[] }): Buffer {
    const { opened, link, resumes } = entry
    const text = parcelText({
      ...what,
      at: now(),
      clock: session.clock(),
      requestedModel: opened.requestedModel,
      messages: what.messages.map(String),
      // The client sends again what was read and not handled.
      received: link.received - session.client.heldCount,
      booked: session.ledger.booked,
      resumes,
      trace: opened.recorder.traceparent?.({ type: 'session' }),
    })
    return seal(
      entry.id,
      text,
      entry.proofs.map(({ key }) => key),
    )
  }

  function snapshotOf(entry: Entry, session: ResumedSession): Buffer {
    // First, since core may not have heard of all of it.
    const said = saidSoFar(session)
    const { state } = suspended(session.state, said, session.clock(), session.audio)
    return sealedState(entry, session, { from: 'snapshot', state: packed(state), first: entry.link.sent, messages: [] })
  }

  /** One at a time for each session, and the last one counts. */
  async function writeSnapshot(entry: Entry): Promise<void> {
    if (writing.has(entry.id)) return void stale.add(entry.id)
    writing.add(entry.id)
    // What the turn's last event leads to is part of it.
    await Promise.resolve()
    if (entry.session && entryOf(entry.id) === entry) await hasStill(entry, TELL_MS, snapshotOf(entry, entry.session))
    writing.delete(entry.id)
    if (stale.delete(entry.id)) await writeSnapshot(entry)
  }

  return {
    tell(entry) {
      beatLater()
      // A snapshot is opened by the secrets that were good when it was made.
      if (snapshots && entry.session) void writeSnapshot(entry)
      else void hasStill(entry, TELL_MS)
    },
    hasStill,
    mayAct: (entry) => hasStill(entry, FENCE_MS, snapshots && entry.session ? snapshotOf(entry, entry.session) : undefined),
    snapshot(entry) {
      if (snapshots && keeper.isReady()) void writeSnapshot(entry)
    },
    send(entry, { state, code }) {
      const { session, link } = entry
      if (!session) return
      const to = asked.get(entry.id)
      asked.delete(entry.id)
      const from = to?.received ?? link.firstWithin(TAIL_BYTES)
      const missed = link.missedAfter(from)
      const kept = missed ? { first: from, messages: missed } : { first: link.sent, messages: [] }
      const sealed = sealedState(entry, session, { from: 'moved', state, ...kept })
      const socket = link.freeze()
      const wire = toWireClose(code)
      const close = () => socket?.close(wire.code, wire.reason)
      const timer = setTimeout(close, CLOSE_MS)
      entry.awaySince = undefined
      entry.opened.recorder.note({ type: 'session_moved', why: code === 'draining' ? 'drain' : 'asked' })
      // Its place is given back before it can be taken elsewhere.
      queueMicrotask(() => {
        const done = () => {
          clearTimeout(timer)
          close()
        }
        if (to) keeper.hand(to, sealed).then(done, done)
        else if (code === 'draining') leave(entry, sealed).then(done)
        else {
          keepForAsker(entry.id, sealed)
          done()
        }
      })
    },
    giveUp(id) {
      const entry = entryOf(id)
      if (entry) moveOut(entry)
      return left.get(id)
    },
    over: ({ id, epoch }) => keeper.drop(id, epoch),
  }
}

function isEmpty(some: Iterable<unknown>): boolean {
  for (const _ of some) return false
  return true
}
