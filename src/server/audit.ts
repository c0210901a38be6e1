// Opens the audit if one is configured, and puts it beside log and metrics. Otherwise nothing of it is loaded.
import { createHash } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import type { AuditedSession } from '../audit/recorder.js'
import type { Config } from '../config/config.js'
import type { Metrics } from '../ops/metrics.js'
import type { AuditBook } from '../ports/audit.js'
import type { Recorder } from '../ports/notes.js'
import type { Store } from '../ports/store.js'
import { auditAnchors } from './audit-anchors.js'

export interface ServerAudit {
  /** Absent: there is no audit. */
  readonly book?: AuditBook
  /** One more recorder for this session, or none. */
  recorders(session: AuditedSession): readonly Recorder[]
  /** For what concerns no session. */
  readonly general: readonly Recorder[]
  /** The tools, profiles and instructions in force from now on. */
  configured(config: Pick<Config, 'tools' | 'guards' | 'profiles'>): void
  /** True: no session may be opened, since it would not be written. */
  refuses(): boolean
  close(): Promise<void>
}

const OFF: ServerAudit = { recorders: () => [], general: [], configured: () => undefined, refuses: () => false, close: async () => undefined }

/** Rejects if the folder cannot be written. */
export async function openAudit({ audit }: Pick<Config, 'audit'>, store: Pick<Store, 'checkpoints'>, log: FastifyBaseLogger, metrics: Metrics): Promise<ServerAudit> {
  if (!audit) return OFF
  const [{ openJournal }, { createAuditBook, createRefusalAudit, createSessionAudit, subjectKeyOf }] = await Promise.all([
    import('../audit/journal.js'),
    import('../audit/recorder.js'),
  ])
  let unanchored = 0
  const journal = await openJournal({
    dir: audit.dir,
    key: audit.key,
    anchors: [async (checkpoint) => log.info({ checkpoint }, 'audit checkpoint'), ...auditAnchors({ anchorUrl: audit.anchorUrl, checkpoints: store.checkpoints })],
    now: Date.now,
    onWritable: (writable, code) => (writable ? log.info({}, 'the audit is written again') : log.error({ code }, 'the audit cannot be written')),
    onUnanchored: () => unanchored++,
  })
  metrics.gauge('relay_audit_lost', 'Records of the audit that found no place while it could not be written.', () => journal.lost)
  metrics.gauge('relay_audit_writable', '1 while the audit can be written.', () => (journal.writable ? 1 : 0))
  metrics.gauge('relay_audit_unanchored', 'Signed checkpoints of the audit that could not be taken to one of the places beside its folder.', () => unanchored)
  const book = createAuditBook(journal, subjectKeyOf(audit))
  return {
    book,
    recorders: (session) => [createSessionAudit(book, session)],
    general: [createRefusalAudit(book)],
    configured: ({ tools, guards, profiles }) => book.record('configured', { configuration: digest({ tools, guards, profiles }) }),
    refuses: () => audit.isRequired && !journal.writable,
    close: () => journal.close(),
  }
}

/** Secrets are no part of it: they show themselves as a fixed word. */
function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}
