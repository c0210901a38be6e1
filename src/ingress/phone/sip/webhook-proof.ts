// Decides whether a webhook was sent by whoever has the secret, now, and as it stands (Standard Webhooks: HMAC-SHA256 over id, time and raw body). Pure.
import { createHmac, timingSafeEqual } from 'node:crypto'

export interface WebhookHeaders {
  readonly id: string
  /** Seconds since 1970, as it was written. */
  readonly timestamp: string
  readonly signatures: readonly Buffer[]
}

export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>
export type ProofProblem = 'no_proof' | 'bad_proof' | 'too_old' | 'too_new' | 'wrong_signature'

/** Older or newer by more is refused, so a webhook that was overheard is of no use for long. */
const TOLERANCE_SECONDS = 300
const ID = /^[\x21-\x2d\x2f-\x7e]{1,256}$/
const TIMESTAMP = /^\d{1,12}$/
/** Two secrets, while one is replaced by the other, and some room. */
const MOST_SIGNATURES = 8
const MAX_SIGNATURE_HEADER = 2048
const V1 = /^v1,([A-Za-z0-9+/]{43}=)$/

/** What can be judged before there is a body. A repeated header counts as none. */
export function readProof(headers: Headers, nowMs: number): WebhookHeaders | ProofProblem {
  const id = single(headers['webhook-id'])
  const timestamp = single(headers['webhook-timestamp'])
  const signature = single(headers['webhook-signature'])
  if (id === undefined || timestamp === undefined || signature === undefined) return 'no_proof'
  if (!ID.test(id) || !TIMESTAMP.test(timestamp) || signature.length > MAX_SIGNATURE_HEADER) return 'bad_proof'
  const age = Math.floor(nowMs / 1000) - Number(timestamp)
  if (age > TOLERANCE_SECONDS) return 'too_old'
  if (age < -TOLERANCE_SECONDS) return 'too_new'
  const signatures = signature.split(' ').slice(0, MOST_SIGNATURES).flatMap(signatureIn)
  return signatures.length > 0 ? { id, timestamp, signatures } : 'bad_proof'
}

/** Each signature is compared under each key, in the same time whichever fits. */
export function isProven({ id, timestamp, signatures }: WebhookHeaders, rawBody: Buffer, keys: readonly Buffer[]): boolean {
  let fits = false
  for (const key of keys) {
    const wanted = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(rawBody).digest()
    for (const given of signatures) fits = timingSafeEqual(wanted, given) || fits
  }
  return fits
}

function single(value: Headers[string]): string | undefined {
  return typeof value === 'string' ? value : value?.length === 1 ? value[0] : undefined
}

/** Other versions of the scheme are passed over. */
function signatureIn(part: string): readonly Buffer[] {
  const [, text] = V1.exec(part) ?? []
  return text === undefined ? [] : [Buffer.from(text, 'base64')]
}
