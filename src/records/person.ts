// The name under which records of a person are kept: a digest, which only who holds the key can make of the person's name.
import { createHmac, hkdfSync } from 'node:crypto'
import type { Secret } from '../config/secret.js'

const KEY_BYTES = 32
const DIGITS = 32

/** Another digest than the audit's, so that neither leads to the other without the key. */
export function createPersonNames(subjectKey: Secret): (subject: string) => string {
  const key = Buffer.from(hkdfSync('sha256', subjectKey.reveal(), '', 'realtime relay: records 1', KEY_BYTES))
  return (subject) => createHmac('sha256', key).update(subject).digest('hex').slice(0, DIGITS)
}
