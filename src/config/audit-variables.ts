// The variables of the audit: where it is written, what signs it, and where its checkpoints go besides.
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { boolean, httpUrl, oneOf, type Parse, plainText, sharedSecret } from './parse.js'
import { exact, optional, orFile, required } from './variable.js'

/** In a file it has line ends; in a variable these may be written as `\n`. */
const signingKey: Parse<KeyObject> = (text) => {
  try {
    const key = createPrivateKey(text.replaceAll('\\n', '\n'))
    if (key.asymmetricKeyType === 'ed25519') return { value: key }
  } catch {
    // Told below: what the library says may quote the text.
  }
  return { problem: 'must be an Ed25519 private key in PEM: `realtime-relay audit key` makes one' }
}

export const AUDIT_VARIABLES = {
  AUDIT_DIR: optional(plainText, 'Folder of the audit: one line for each decision, without content, chained so that a change shows. It must exist. Unset: no audit.'),
  AUDIT_KEY: orFile(exact(signingKey, 'Ed25519 private key in PEM, which signs how far the audit is. `realtime-relay audit key` makes one. Needed with `AUDIT_DIR`.')),
  AUDIT_ANCHOR_URL: optional(httpUrl, 'Takes each signed checkpoint by POST, as text. Besides, checkpoints are log lines, and entries in Redis if there is one.'),
  AUDIT_SUBJECTS: required(oneOf('hashed', 'plain'), 'hashed', 'How users stand in the audit: as a digest by `SUBJECT_KEY`, or as their tokens name them.'),
  SUBJECT_KEY: orFile(exact(sharedSecret, 'Secret that digests of users are made with. Destroying it makes them nobody’s. Unset: one made of `AUDIT_KEY`.')),
  AUDIT_REQUIRED: required(boolean, 'false', 'Refuse new sessions while the audit cannot be written.'),
} as const
