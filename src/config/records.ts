// Reads what is kept of sessions, where it goes, and what must be so before.
import { resolve } from 'node:path'
import { isWritableFolder } from './audit.js'
import type { EnvReader, Problems } from './environment.js'
import { quoted } from './json-fields.js'
import type { RecordsTarget } from './records-target.js'
import type { Secret } from './secret.js'

export interface RecordsConfig {
  readonly target: RecordsTarget
  readonly key: Secret | undefined
  /** Empty: transcripts are kept in clear. */
  readonly recipients: readonly string[]
  readonly consent: 'required' | 'announce' | 'none'
  readonly announcement: string
  readonly retentionDays: number
  /** It exists and can be written. */
  readonly spool: string
  readonly spoolBytes: number
  /** Of digests of subjects. */
  readonly subjectKey: Secret
}

type RecordedProfiles = Readonly<Record<string, { readonly record?: 'transcript' | 'audio' | undefined; readonly relayEvents: boolean }>>

/** Undefined: nothing is kept. Reads every variable all the same, so that a mistake is told. */
export function readRecords(env: EnvReader, cwd: string, profiles: RecordedProfiles, problems: Problems): RecordsConfig | undefined {
  const named = env.get('RECORDS_URL')
  const spool = env.get('RECORDS_SPOOL')
  const subjectKey = env.get('SUBJECT_KEY')
  const rest = {
    key: env.get('RECORDS_KEY'),
    recipients: env.get('RECORDS_RECIPIENTS') ?? [],
    consent: env.get('RECORDS_CONSENT'),
    announcement: env.get('RECORDS_ANNOUNCEMENT'),
    retentionDays: env.get('RECORDS_RETENTION_DAYS'),
    spoolBytes: env.get('RECORDS_SPOOL_BYTES'),
  }
  for (const [name, { record }] of Object.entries(profiles)) {
    const subject = `PROFILES_FILE ${quoted(name)}:`
    if (record && named === undefined && !env.isSet('RECORDS_URL')) problems.add(subject, `record is ${record} and RECORDS_URL is missing`)
    if (record === 'audio' && rest.recipients.length === 0) problems.add(subject, 'record is audio and RECORDS_RECIPIENTS is missing: sound is kept encrypted only')
  }
  if (named === undefined) return undefined
  const target: RecordsTarget = named.type === 'folder' ? { type: 'folder', path: resolve(cwd, named.path) } : named
  if (target.type === 'folder' && !isWritableFolder(target.path)) problems.add('RECORDS_URL', 'names no folder that can be written')
  if (!env.isSet('SUBJECT_KEY')) problems.add('SUBJECT_KEY', 'is missing: with RECORDS_URL it makes the names under which records of a user are found')
  if (spool === undefined) {
    problems.add('RECORDS_SPOOL', 'is missing: records wait in it for their store')
    return undefined
  }
  const path = resolve(cwd, spool)
  if (!isWritableFolder(path)) problems.add('RECORDS_SPOOL', 'names no folder that can be written')
  if (target.type === 'folder' && target.path === path) problems.add('RECORDS_SPOOL', 'is the folder of RECORDS_URL: what waits must be told from what is kept')
  return subjectKey && { target, spool: path, subjectKey: subjectKey.secret, ...rest }
}
