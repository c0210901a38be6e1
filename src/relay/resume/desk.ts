// Who may come back to which session: gives out tokens, checks them, and joins a new socket with the session that waits for it.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { DialectName } from '../../core/protocol/dialect.js'
import type { Input } from '../../core/session/inputs.js'
import type { Identity } from '../../ports/caller.js'
import type { Link } from '../../ports/link.js'
import type { ResumeClaim, ResumeClaims, ResumeRequest } from '../../ports/resume.js'
import type { NewSession } from '../../ports/session.js'
import { ResumableLink } from './resumable-link.js'
import { type RingBudget, SentRing } from './sent-ring.js'

export interface ResumeSettings {
  /** Milliseconds that a session waits for its client. */
  readonly resumeMs: number
  /** Of messages kept for one client. */
  readonly bufferBytes: number
}

/** Of a session, what its return needs. */
export interface ResumedSession {
  apply(input: Input): boolean
  /** The session's own time, in milliseconds. */
  clock(): number
}

export interface ResumeDesk extends ResumeClaims {
  /** The session's way to its client: a link that may outlive its socket. */
  enrol(opened: NewSession): NewSession
  /** The session that `enrol` was called for. */
  join(sessionId: string, session: ResumedSession): void
  /** Starts to count and to keep. Hands over the token first. */
  offer(sessionId: string, tell: (token: string) => void): void
  acknowledge(sessionId: string, received: number): void
  /** The socket makes no progress. */
  drop(sessionId: string): void
}

interface Entry {
  readonly id: string
  readonly opened: NewSession
  readonly link: ResumableLink
  session: ResumedSession | undefined
  /** SHA-256 of the secrets that open it: the last one given out, and the one before until the last has surely arrived. */
  proofs: readonly Buffer[]
  awaySince: number | undefined
  resumes: number
}

const ID_BYTES = 16
const SECRET_BYTES = 32
/** What the clients of one process may have kept for them, in rings of one client's size. */
const RINGS = 64

export function createResumeDesk({ resumeMs, bufferBytes }: ResumeSettings, now: () => number): ResumeDesk {
  const bySession = new Map<string, Entry>()
  const byToken = new Map<string, Entry>()
  const budget: RingBudget = { mostBytes: RINGS * bufferBytes, used: 0 }

  function forget(entry: Entry): void {
    bySession.delete(entry.opened.sessionId)
    byToken.delete(entry.id)
  }

  function enrol(opened: NewSession): NewSession {
    const entry: Entry = {
      id: randomBytes(ID_BYTES).toString('base64url'),
      opened,
      link: new ResumableLink(opened.client, {
        onGone() {
          entry.awaySince = now()
          opened.recorder.note({ type: 'client_gone' })
          entry.session?.apply({ type: 'client.gone' })
        },
        onProved() {
          entry.proofs = entry.proofs.slice(0, 1)
        },
      }),
      session: undefined,
      proofs: [],
      awaySince: undefined,
      resumes: 0,
    }
    bySession.set(opened.sessionId, entry)
    const onEnd = () => {
      if (entry.awaySince !== undefined) opened.recorder.note({ type: 'client_not_back' })
      forget(entry)
      opened.onEnd()
    }
    return { ...opened, client: entry.link, onEnd }
  }

  /** A secret for the next return. The one before stays good until the client has proved that it got this one. */
  function renew(entry: Entry, used: Buffer | undefined): string {
    const secret = randomBytes(SECRET_BYTES).toString('base64url')
    entry.proofs = used ? [proofOf(secret), used] : [proofOf(secret)]
    return `${entry.id}.${secret}`
  }

  function claim({ token, received }: ResumeRequest, identity: Identity, dialect: DialectName): ResumeClaim | undefined {
    const [id = '', secret = ''] = token.split('.')
    const entry = byToken.get(id)
    const proof = proofOf(secret)
    const known = entry?.proofs.find((one) => timingSafeEqual(one, proof))
    if (!entry || !known || !entry.link.isKept || entry.opened.dialect !== dialect) return undefined
    const owner = entry.opened.identity
    if (owner.subject !== identity.subject || owner.issuer !== identity.issuer) return undefined
    return {
      sessionId: entry.opened.sessionId,
      attach(link) {
        // Another request with the same token may have come in between, and that one has it then.
        if (!entry.link.isKept || !entry.proofs.includes(known) || !entry.session) return false
        attach(entry, entry.session, link, { known, received, identity })
        return true
      },
    }
  }

  function attach(entry: Entry, session: ResumedSession, link: Link, { known, received, identity }: { known: Buffer; received: number; identity: Identity }): void {
    const kept = entry.link.missedAfter(received)
    const missed = kept ?? []
    const recovered = kept !== undefined
    const token = renew(entry, known)
    const greeting = {
      type: 'relay.resumed',
      event_id: `event_relay_resumed_${++entry.resumes}`,
      cause: 'client',
      recovered,
      missed: recovered ? missed.length : null,
      sent: entry.link.sent,
      received: entry.link.received,
      token,
      seconds: Math.floor(resumeMs / 1000),
    }
    entry.link.attach(link, JSON.stringify(greeting), missed)
    const awayMs = entry.awaySince === undefined ? 0 : now() - entry.awaySince
    entry.awaySince = undefined
    entry.opened.recorder.note({ type: 'client_back', recovered, awayMs, missed: missed.length })
    const { subject, issuer, expiresAtMs, tokenId } = identity
    session.apply({ type: 'client.back', recovered, caller: { subject, issuer }, expiresAt: session.clock() + expiresAtMs - now(), exp: expiresAtMs, tokenId })
  }

  return {
    enrol,
    join(sessionId, session) {
      const entry = bySession.get(sessionId)
      if (entry) entry.session = session
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
    claim,
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

function proofOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
