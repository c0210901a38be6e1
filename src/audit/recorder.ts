// Which of a session's notes are decisions that the audit keeps, and what it says of each: never content, no subject but by its digest.
import { createHash, createHmac, hkdfSync } from 'node:crypto'
import type { AuditConfig } from '../config/audit.js'
import type { SessionProfile } from '../core/policy/profile.js'
import type { AuditBook } from '../ports/audit.js'
import type { Note, Recorder } from '../ports/notes.js'
import type { NewSession } from '../ports/session.js'
import type { AuditJournal } from './journal.js'
import type { AuditFields } from './record.js'

const DIGEST_DIGITS = 32
const SUBJECT_KEY_BYTES = 32
/** A name that a peer chose is written only if it looks like a name. */
const NAME = /^[A-Za-z0-9_.:-]{1,64}$/

export type AuditedSession = Pick<NewSession, 'sessionId' | 'profile' | 'identity'>

/** Undefined: subjects are written as they are. */
export function subjectKeyOf({ subjects, subjectKey, key }: Pick<AuditConfig, 'subjects' | 'subjectKey' | 'key'>): Buffer | undefined {
  if (subjects === 'plain') return undefined
  const from = subjectKey?.reveal() ?? key.export({ type: 'pkcs8', format: 'der' })
  return Buffer.from(hkdfSync('sha256', from, '', 'realtime relay: subjects 1', SUBJECT_KEY_BYTES))
}

/** `subjectKey` undefined: subjects stand in the audit as they are. */
export function createAuditBook(journal: Pick<AuditJournal, 'record'>, subjectKey: Buffer | undefined): AuditBook {
  return {
    record: (kind, fields) => journal.record(kind, fields),
    subject(subject) {
      return subjectKey ? `h:${createHmac('sha256', subjectKey).update(subject).digest('hex').slice(0, DIGEST_DIGITS)}` : subject
    },
  }
}

export function createSessionAudit(book: AuditBook, { sessionId, profile, identity }: AuditedSession): Recorder {
  const sub = book.subject(identity.subject)
  return {
    note(note) {
      const said = decisionOf(note, profile)
      if (said) book.record(said.kind, { session: sessionId, sub, ...said.fields })
    },
  }
}

/** What concerns no session. */
export function createRefusalAudit(book: AuditBook): Recorder {
  return {
    note(note) {
      if (note.type === 'upgrade_refused' && !note.isAudited) book.record('refused', { code: note.code })
    },
  }
}

interface Decision {
  readonly kind: string
  readonly fields: AuditFields
}

function decisionOf(note: Note, profile: SessionProfile): Decision | undefined {
  switch (note.type) {
    case 'session_opened':
      return { kind: 'opened', fields: { profile: note.profile, dialect: note.dialect, ...(note.call && { call: note.call }), ...hashesOf(profile) } }
    case 'fields_locked':
      return { kind: 'locked', fields: { event: note.eventType, kinds: note.kinds.join(',') } }
    case 'event_refused':
      return { kind: 'event_refused', fields: { event: name(note.eventType), code: note.code } }
    case 'tool_finished':
      return { kind: 'tool', fields: { name: name(note.tool), call: name(note.callId), outcome: note.outcome, ms: note.durationMs } }
    case 'quota_refused':
      return { kind: 'quota', fields: { rule: note.rule } }
    case 'guard_tripped':
      return { kind: 'guard', fields: { name: name(note.guard), side: note.side, category: name(note.category), mode: note.mode } }
    case 'guard_failed':
      return { kind: 'guard_failed', fields: { name: name(note.guard), why: note.why } }
    case 'recording':
      return { kind: 'recording', fields: { state: note.state, keeps: note.keeps } }
    case 'token_refreshed':
      return { kind: 'refreshed', fields: {} }
    case 'foreign_event':
      return { kind: 'foreign', fields: { what: note.kind, mode: note.mode } }
    case 'restored':
      return { kind: 'restored', fields: { cause: note.cause, cut: note.cut, ms: note.durationMs } }
    case 'restore_failed':
      return { kind: 'not_restored', fields: { cause: note.cause, why: note.why, ms: note.durationMs } }
    case 'session_moved':
      return { kind: 'moved', fields: { why: note.why } }
    case 'client_back':
      return { kind: 'back', fields: { from: note.from, ms: note.awayMs } }
    case 'session_closed':
      return { kind: 'ended', fields: { code: note.code, why: name(note.why), ms: note.durationMs } }
    default:
      return undefined
  }
}

/** So that an auditor can tell whether two sessions had the same instructions and tools, and which ones if they are kept elsewhere. */
function hashesOf(profile: SessionProfile): AuditFields {
  const known = hashes.get(profile)
  if (known) return known
  const tools = profile.tools.map(({ definition, owner }) => ({ ...definition, owner }))
  const made = { instructions: sha256(profile.instructions), tools: sha256(JSON.stringify(tools)) }
  hashes.set(profile, made)
  return made
}

const hashes = new WeakMap<SessionProfile, AuditFields>()

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function name(text: string): string {
  return NAME.test(text) ? text : 'other'
}
