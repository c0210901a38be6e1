// Who may come back to which session: gives out tokens, checks them, and joins a new socket with the session that waits for it.
import type { DialectName } from '../../core/protocol/dialect.js'
import type { Action } from '../../core/session/actions.js'
import type { Identity } from '../../ports/caller.js'
import type { SessionKeeper } from '../../ports/keeper.js'
import type { Link } from '../../ports/link.js'
import type { MovedSession, ResumeClaim, ResumeClaims, ResumeRequest } from '../../ports/resume.js'
import type { NewSession } from '../../ports/session.js'
import { type Arrival, createArrivals } from './arrivals.js'
import type { Entry, ResumedSession } from './entry.js'
import { createMoves, type Moves } from './moves.js'
import { ResumableLink } from './resumable-link.js'
import { isSame, newId, newSecret, type Proof, proofOf } from './secrets.js'
import { type RingBudget, SentRing } from './sent-ring.js'

export interface ResumeSettings {
  /** Milliseconds that a session waits for its client. */
  readonly resumeMs: number
  /** Of messages kept for one client. */
  readonly bufferBytes: number
  /** The client may come back to another instance. */
  readonly elsewhere?: boolean
  /** Also if this one dies. */
  readonly snapshots?: boolean
}

export interface ResumeDesk extends ResumeClaims {
  /** The session's way to its client: a link that may outlive its socket. */
  enrol(opened: NewSession): NewSession
  /** The session that `enrol` was called for. It has begun. */
  join(sessionId: string, session: ResumedSession): void
  /** Starts to count and to keep. Hands over the token first. */
  offer(sessionId: string, tell: (token: string) => void): void
  acknowledge(sessionId: string, received: number): void
  /** The socket makes no progress. */
  drop(sessionId: string): void
  /** The session goes on elsewhere, and ends here with what core does next. */
  send(sessionId: string, action: Extract<Action, { type: 'export' }>): void
  /** A turn is over. */
  snapshot(sessionId: string): void
  /** Before a tool starts. Undefined: nobody has to be asked. False: the session has gone elsewhere. */
  mayAct(sessionId: string): Promise<boolean> | undefined
  /** Sessions can go on elsewhere, as far as is known. */
  canMove(): boolean
}

/** What the clients of one process may have kept for them, in rings of one client's size. */
const RINGS = 64
/** A client that comes back waits no longer for the word of the store. */
const STILL_HERE_MS = 250
/** Of one client whose attempts cross. */
const MOST_FETCHES = 3

/** `keeper`: how the instances find each other's sessions. */
export function createResumeDesk({ resumeMs, bufferBytes, snapshots = false }: ResumeSettings, now: () => number, keeper?: SessionKeeper): ResumeDesk {
  const bySession = new Map<string, Entry>()
  const byToken = new Map<string, Entry>()
  const budget: RingBudget = { mostBytes: RINGS * bufferBytes, used: 0 }
  const brought = new WeakMap<MovedSession, Arrival>()
  const arrivals = keeper && createArrivals(keeper, now, (id) => moves?.giveUp(id))
  const moves: Moves | undefined =
    keeper && createMoves({ keeper, snapshots, now, entries: () => byToken.values(), entryOf: (id) => byToken.get(id), handOn: (asked) => arrivals?.handOn(asked) === true })

  function enrol(opened: NewSession): NewSession {
    const arrival = opened.continues && brought.get(opened.continues)
    const entry: Entry = {
      id: arrival?.id ?? newId(),
      opened,
      link: new ResumableLink(opened.client, {
        onGone() {
          entry.awaySince = now()
          opened.recorder.note({ type: 'client_gone' })
          entry.session?.apply({ type: 'client.gone' })
        },
        onProved() {
          entry.proofs = entry.proofs.slice(0, 1)
          moves?.tell(entry)
        },
      }),
      session: undefined,
      proofs: [],
      awaySince: undefined,
      resumes: arrival?.parcel.resumes ?? 0,
      epoch: arrival?.epoch ?? 1,
      from: arrival?.parcel.from ?? 'memory',
    }
    bySession.set(opened.sessionId, entry)
    const onEnd = () => {
      if (entry.awaySince !== undefined) opened.recorder.note({ type: 'client_not_back' })
      bySession.delete(opened.sessionId)
      if (byToken.get(entry.id) === entry) byToken.delete(entry.id)
      if (entry.proofs.length > 0) moves?.over(entry)
      opened.onEnd()
    }
    return { ...opened, client: entry.link, onEnd }
  }

  /** A secret for the next return. The one before stays good until the client has proved that it got this one. */
  function renew(entry: Entry, used: Proof | undefined): string {
    const secret = newSecret()
    const proof = proofOf(entry.id, secret)
    entry.proofs = used ? [proof, used] : [proof]
    moves?.tell(entry)
    return `${entry.id}.${secret}`
  }

  async function claim({ token, received }: ResumeRequest, identity: Identity, dialect: DialectName): Promise<ResumeClaim | undefined> {
    const [id = '', secret = ''] = token.split('.')
    const entry = byToken.get(id)
    const proof = proofOf(id, secret)
    const known = entry?.proofs.find((one) => isSame(one, proof))
    if (!entry || !known || !entry.link.isKept || entry.opened.dialect !== dialect) return undefined
    const owner = entry.opened.identity
    if (owner.subject !== identity.subject || owner.issuer !== identity.issuer) return undefined
    if (moves && !(await moves.hasStill(entry, STILL_HERE_MS))) return undefined
    return {
      sessionId: entry.opened.sessionId,
      attach(link) {
        // Another request with the same token may have come in between, and that one has it then.
        if (!entry.link.isKept || !entry.proofs.includes(known) || !entry.session) return false
        attach(entry, entry.session, { link, known, received, identity })
        return true
      },
    }
  }

  function attach(entry: Entry, session: ResumedSession, by: { link: Link; known: Proof; received: number; identity: Identity }): void {
    const missed = entry.link.missedAfter(by.received)
    const text = greeting(entry, by.known, missed?.length)
    entry.link.attach(by.link, text, missed ?? [])
    welcome(entry, session, by.identity, missed?.length)
  }

  /** `missed`: so many messages follow; undefined: not all of them are kept. */
  function greeting(entry: Entry, used: Proof, missed: number | undefined): string {
    const token = renew(entry, used)
    const { sent, received } = entry.link
    const recovered = missed !== undefined
    const eventId = `event_relay_resumed_${++entry.resumes}`
    const seconds = Math.floor(resumeMs / 1000)
    return JSON.stringify({ type: 'relay.resumed', event_id: eventId, cause: 'client', recovered, missed: missed ?? null, sent, received, token, seconds })
  }

  function welcome(entry: Entry, session: ResumedSession, identity: Identity, missed: number | undefined): void {
    const awayMs = entry.awaySince === undefined ? 0 : now() - entry.awaySince
    entry.awaySince = undefined
    entry.opened.recorder.note({ type: 'client_back', recovered: missed !== undefined, from: entry.from, awayMs, missed: missed ?? 0 })
    entry.from = 'memory'
    const { subject, issuer, expiresAtMs, tokenId } = identity
    const expiresAt = session.clock() + expiresAtMs - now()
    session.apply({ type: 'client.back', recovered: missed !== undefined, caller: { subject, issuer }, expiresAt, exp: expiresAtMs, tokenId })
  }

  /** The client of a session that was elsewhere is there already. */
  function arrive(entry: Entry, session: ResumedSession, { parcel, received, used }: Arrival): void {
    byToken.set(entry.id, entry)
    const ring = new SentRing(bufferBytes, budget, parcel.first)
    for (const message of parcel.messages) ring.push(message)
    entry.link.keep(ring, parcel.received)
    const missed = entry.link.missedAfter(received)
    entry.link.greet(greeting(entry, used, missed?.length), missed ?? [])
    welcome(entry, session, entry.opened.identity, missed?.length)
  }

  async function fetch(request: ResumeRequest, identity: Identity, dialect: DialectName): Promise<MovedSession | ResumeClaim | undefined> {
    for (let attempt = 1; attempt <= MOST_FETCHES; attempt++) {
      const arrival = await arrivals?.fetch(request, identity, dialect)
      if (arrival !== 'again') {
        if (arrival) brought.set(arrival, arrival)
        return arrival
      }
      const here = await claim(request, identity, dialect)
      if (here) return here
    }
    return undefined
  }

  return {
    enrol,
    join(sessionId, session) {
      const entry = bySession.get(sessionId)
      if (!entry) return
      entry.session = session
      const arrival = entry.opened.continues && brought.get(entry.opened.continues)
      if (arrival) arrive(entry, session, arrival)
    },
    offer(sessionId, tell) {
      const entry = bySession.get(sessionId)
      if (!entry) return
      byToken.set(entry.id, entry)
      tell(renew(entry, undefined))
      entry.link.keep(new SentRing(bufferBytes, budget))
    },
    acknowledge: (sessionId, received) => bySession.get(sessionId)?.link.acknowledge(received),
    drop: (sessionId) => bySession.get(sessionId)?.link.drop(),
    send(sessionId, action) {
      const entry = bySession.get(sessionId)
      if (entry) moves?.send(entry, action)
    },
    snapshot(sessionId) {
      const entry = bySession.get(sessionId)
      if (entry) moves?.snapshot(entry)
    },
    mayAct(sessionId) {
      const entry = bySession.get(sessionId)
      return entry && entry.proofs.length > 0 && keeper?.isReady() ? moves?.mayAct(entry) : undefined
    },
    canMove: () => keeper?.isReady() === true,
    claim,
    ...(arrivals && { fetch }),
    endOldestAway(subject) {
      let oldest: Entry | undefined
      for (const entry of byToken.values()) {
        const isOlder = entry.awaySince !== undefined && entry.awaySince < (oldest?.awaySince ?? Number.POSITIVE_INFINITY)
        if (entry.opened.identity.subject === subject && isOlder) oldest = entry
      }
      return oldest?.session?.apply({ type: 'end', code: 'session_over', why: 'place_taken' }) ?? false
    },
  }
}
