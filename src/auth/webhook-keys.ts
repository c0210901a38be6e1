// The keys of Standard Webhooks from their secrets as the service shows them: `whsec_` and base64, or the secret itself.
import type { Secret } from '../config/secret.js'

const PREFIX = 'whsec_'

/** A secret that gives no key at all is left out: under an empty key anybody could sign. */
export function webhookKeys(secrets: readonly Secret[]): readonly Buffer[] {
  return secrets
    .map((secret) => secret.reveal().trim())
    .map((text) => (text.startsWith(PREFIX) ? Buffer.from(text.slice(PREFIX.length), 'base64') : Buffer.from(text, 'utf8')))
    .filter((key) => key.length > 0)
}
