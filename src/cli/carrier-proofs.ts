// Makes the proofs that carriers give of themselves, from the relay's own secrets, so that `check --telephony` can show that they are accepted.
import { createHmac } from 'node:crypto'

/** Twilio's, of a request without form fields. `url`: as Twilio dials it, `wss` for a media socket. */
export function twilioSignature(authToken: string, url: string): string {
  return createHmac('sha1', authToken).update(url).digest('base64')
}

/** Standard Webhooks, as OpenAI and Azure send them. `secret`: with its `whsec_`. */
export function webhookHeaders(secret: string, id: string, atSeconds: number, body: string): Readonly<Record<string, string>> {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${atSeconds}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(atSeconds), 'webhook-signature': `v1,${signature}`, 'content-type': 'application/json' }
}

/** What is wrong with the form of a secret, if something is. Names no part of it. */
export const FORM = {
  twilioToken: (token: string) =>
    /^[0-9a-f]{32}$/.test(token) ? undefined : 'is no Twilio auth token: 32 hexadecimal digits in small letters. An API key or a SID does not sign webhooks.',
  twilioAccount: (sid: string) => (/^AC[0-9a-f]{32}$/.test(sid) ? undefined : 'is no account SID: AC and 32 hexadecimal digits.'),
  webhookSecret: (secret: string) =>
    /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(secret) && Buffer.from(secret.slice(6), 'base64').length >= 16
      ? undefined
      : 'is no webhook secret: whsec_ and base64, as it was shown once when the webhook was made.',
} as const
