// What the audit keeps of each note of a session: every decision under its name, in fixed words, and nothing of what is no decision.
import { describe, expect, it } from 'vitest'
import { createAuditBook, createSessionAudit } from '../../src/audit/recorder.js'
import type { Note } from '../../src/ports/notes.js'
import { profile } from '../support/playbook.js'

const PERSON = 'alice@example.com'
const rows: readonly (readonly [note: Note, kind: string, fields: object])[] = [
  [{ type: 'event_refused', eventType: 'session update!', code: 'event_not_allowed' }, 'event_refused', { event: 'other', code: 'event_not_allowed' }],
  [
    { type: 'tool_finished', callId: 'call_1', tool: 'get_weather', outcome: 'timeout', durationMs: 7, cut: false },
    'tool',
    { name: 'get_weather', call: 'call_1', outcome: 'timeout', ms: 7 },
  ],
  [{ type: 'quota_refused', rule: 'tokens_per_day' }, 'quota', { rule: 'tokens_per_day' }],
  [{ type: 'guard_tripped', guard: 'words', side: 'output', category: 'hate', mode: 'hold' }, 'guard', { name: 'words', side: 'output', category: 'hate', mode: 'hold' }],
  [{ type: 'guard_failed', guard: 'words', why: 'timeout' }, 'guard_failed', { name: 'words', why: 'timeout' }],
  [{ type: 'recording', state: 'on', keeps: 'transcript' }, 'recording', { state: 'on', keeps: 'transcript' }],
  [{ type: 'foreign_event', kind: 'session', mode: 'shared' }, 'foreign', { what: 'session', mode: 'shared' }],
  [{ type: 'restored', cause: 'closed', durationMs: 40, attempts: 1, cut: 'broken' }, 'restored', { cause: 'closed', cut: 'broken', ms: 40 }],
  [{ type: 'restore_failed', cause: 'silent', why: 'time', attempts: 3, durationMs: 9000 }, 'not_restored', { cause: 'silent', why: 'time', ms: 9000 }],
  [{ type: 'session_moved', why: 'drain' }, 'moved', { why: 'drain' }],
  [{ type: 'client_back', recovered: true, from: 'moved', awayMs: 300, missed: 2 }, 'back', { from: 'moved', ms: 300 }],
]

function audited(note: Note): readonly (readonly [kind: string, fields: object])[] {
  const lines: (readonly [kind: string, fields: object])[] = []
  const book = createAuditBook({ record: (kind, fields) => void lines.push([kind, fields]) }, Buffer.alloc(32, 1))
  const session = { sessionId: 's1', profile: profile(), identity: { subject: PERSON, issuer: undefined, tokenId: undefined, expiresAtMs: 0, claims: {} } }
  createSessionAudit(book, session).note(note)
  return lines
}

describe('a session', () => {
  it.each(rows)('%j', (note, kind, fields) => {
    const [line, ...more] = audited(note)
    expect(line).toEqual([kind, { session: 's1', sub: expect.stringMatching(/^h:[0-9a-f]{32}$/), ...fields }])
    expect(more).toEqual([])
    expect(JSON.stringify(line)).not.toContain(PERSON)
  })

  it.each<Note>([
    { type: 'response_started', responseId: 'r' },
    { type: 'guard_checked', guard: 'words', side: 'input', outcome: 'pass', durationMs: 3 },
    { type: 'overhead', direction: 'up', ms: 1 },
    { type: 'speech_started' },
  ])('says nothing of $type, which is no decision', (note) => expect(audited(note)).toEqual([]))
})
