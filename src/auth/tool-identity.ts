// Tells a tool's back end who is calling, by a short-lived token of the relay's own or by signed headers, never by the caller's token.
import { createHash, createHmac, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Secret } from '../config/secret.js'
import type { IdentitySigner } from '../ports/tools.js'

/** Long enough for clocks that differ a little, too short to be kept. */
const LIFE_SECONDS = 60
const ISSUER = 'realtime-relay'

/**
 * `jwt` sends `x-relay-identity`: an HS256 token for the origin it is sent to and the tool it is sent for. `headers` sends subject, issuer, time
 * and a signature: HMAC-SHA256 in hex of the lines time, subject, issuer, method, URL and SHA-256 of the body, joined by line feeds.
 */
export function createIdentitySigner(secret: Secret, now: () => number = Date.now): IdentitySigner {
  const key = new TextEncoder().encode(secret.reveal())
  return async ({ how, identity, tool, method, url, body }) => {
    const time = Math.floor(now() / 1000)
    if (how === 'jwt') {
      const token = new SignJWT({ tool, ...(identity.issuer === undefined ? {} : { caller_iss: identity.issuer }) })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setIssuer(ISSUER)
        .setSubject(identity.subject)
        .setAudience(url.origin)
        .setIssuedAt(time)
        .setExpirationTime(time + LIFE_SECONDS)
        .setJti(randomUUID())
      return { 'x-relay-identity': await token.sign(key) }
    }
    const [subject, issuer] = [encodeURIComponent(identity.subject), encodeURIComponent(identity.issuer ?? '')]
    const lines = [
      String(time),
      subject,
      issuer,
      method,
      url.href,
      createHash('sha256')
        .update(body ?? '')
        .digest('hex'),
    ]
    const signature = createHmac('sha256', key).update(lines.join('\n')).digest('hex')
    return { 'x-relay-subject': subject, 'x-relay-issuer': issuer, 'x-relay-time': String(time), 'x-relay-signature': signature }
  }
}
