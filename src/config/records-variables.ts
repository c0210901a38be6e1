// Lists the environment variables of records: what is kept of sessions, where, for how long, and who may read it.
import { bytes, list, oneOf, type Parse, plainText, secretToken, wholeNumber } from './parse.js'
import { type RecordsTarget, recordsTarget } from './records-target.js'
import { exact, optional, orFile, required } from './variable.js'

/** An X25519 recipient, in Bech32. The library that encrypts to it checks the rest. */
const recipient: Parse<string> = (text) => (/^age1[02-9ac-hj-np-z]{58}$/.test(text) ? { value: text } : { problem: 'must be an age public key, which begins with age1' })
const target: Parse<RecordsTarget> = recordsTarget

export const RECORDS_VARIABLES = {
  RECORDS_URL: optional(
    target,
    'Where [records](data-protection.md) go: a folder, `s3://bucket/prefix?endpoint=…&region=…`, `https://account.blob.core.windows.net/container/prefix`, or a hook by POST.',
  ),
  RECORDS_KEY: orFile(exact(secretToken, 'For Azure Blob an account key or a SAS, for a hook a bearer token. Unset: Entra, or no token. S3 takes its own `AWS_…` variables.')),
  RECORDS_RECIPIENTS: optional(list(recipient), 'Public keys of [age](https://age-encryption.org), with commas. Records are encrypted to them, and the relay cannot read them.'),
  RECORDS_CONSENT: required(
    oneOf('required', 'announce', 'none'),
    'required',
    'Whether a client consents first, by a claim or an event; or `announce`: the model says first that it is recorded; or `none`: consent is had elsewhere.',
  ),
  RECORDS_ANNOUNCEMENT: required(
    plainText,
    'This conversation is recorded.',
    'What is said first with `RECORDS_CONSENT=announce`, before the greeting, in the language of the conversation.',
  ),
  RECORDS_RETENTION_DAYS: required(
    wholeNumber(1, 36_500),
    '30',
    'A folder’s records are deleted after so many days. S3 and Azure Blob do it by rules of their own, a hook by its owner.',
  ),
  RECORDS_SPOOL: optional(plainText, 'Folder in which records wait for their store. It must exist, and should outlive the process. Needed with `RECORDS_URL`.'),
  RECORDS_SPOOL_BYTES: required(
    bytes(1_048_576, 1_099_511_627_776),
    '1024 MiB',
    'Most bytes that wait there, for each process. Beyond, a session is not recorded, which is counted and logged.',
  ),
} as const
