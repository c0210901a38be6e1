// Reads where the audit is written, what it is signed with, and where its checkpoints go besides.
import type { KeyObject } from 'node:crypto'
import { accessSync, constants, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { EnvReader, Problems } from './environment.js'
import type { Secret } from './secret.js'

const LEAST_SECRET_BYTES = 32

export interface AuditConfig {
  /** It exists and can be written. */
  readonly dir: string
  /** Ed25519. */
  readonly key: KeyObject
  /** Takes each checkpoint by POST. */
  readonly anchorUrl: URL | undefined
  readonly subjects: 'hashed' | 'plain'
  /** Of digests of subjects. Undefined: made of the signing key. */
  readonly subjectKey: Secret | undefined
  /** No session is opened while the audit cannot be written. */
  readonly isRequired: boolean
}

/** Undefined: there is no audit. Reads every variable all the same, so that a mistake is told. */
export function readAudit(env: EnvReader, cwd: string, problems: Problems): AuditConfig | undefined {
  const named = env.get('AUDIT_DIR')
  const key = env.get('AUDIT_KEY')
  const subjectKey = env.get('SUBJECT_KEY')
  const rest = { anchorUrl: env.get('AUDIT_ANCHOR_URL'), subjects: env.get('AUDIT_SUBJECTS'), subjectKey: subjectKey?.secret, isRequired: env.get('AUDIT_REQUIRED') }
  if (subjectKey && subjectKey.bytes < LEAST_SECRET_BYTES) problems.add('SUBJECT_KEY', `is too short: at least ${LEAST_SECRET_BYTES} bytes`)
  if (named === undefined) {
    if (rest.isRequired) problems.add('AUDIT_REQUIRED', 'is true and AUDIT_DIR is missing')
    return undefined
  }
  const dir = resolve(cwd, named)
  if (!isWritableFolder(dir)) problems.add('AUDIT_DIR', 'names no folder that can be written')
  if (!env.isSet('AUDIT_KEY'))
    problems.add('AUDIT_KEY', 'is missing: without a signature nobody can tell whether the end of an audit was cut; `realtime-relay audit key` makes a key')
  return key && { dir, key, ...rest }
}

export function isWritableFolder(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK)
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
