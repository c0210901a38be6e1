// Twilio's proof of a request: an HMAC over the address that it asked for and the form that it sent.
import { createHmac, timingSafeEqual } from 'node:crypto'

const SIGNATURE = /^[A-Za-z0-9+/]{27}=$/

/** A form as it came: a name may have several values. */
export type FormFields = readonly (readonly [name: string, value: string])[]

/** The signature that Twilio gives with `authToken` for this address. An upgrade has no fields. */
export function twilioSignature(authToken: string, address: string, fields: FormFields = []): string {
  const values = new Map<string, Set<string>>()
  for (const [name, value] of fields) values.set(name, (values.get(name) ?? new Set()).add(value))
  let signed = address
  for (const name of [...values.keys()].sort()) for (const value of [...(values.get(name) ?? [])].sort()) signed += name + value
  return createHmac('sha1', authToken).update(signed).digest('base64')
}

/**
 * Whether one of `authTokens` made the one signature in `given`. `target` is path and query as they were sent. With a port of its own the address may have been
 * signed with or without it, which differs between Twilio's products.
 */
export function isSignedByTwilio(
  given: readonly string[] | undefined,
  authTokens: readonly string[],
  { publicUrl, isUpgrade, target }: { readonly publicUrl: URL; readonly isUpgrade: boolean; readonly target: string },
  fields: FormFields = [],
): boolean {
  const [signature = '', ...more] = given ?? []
  if (more.length > 0 || !SIGNATURE.test(signature) || !target.startsWith('/')) return false
  const isSecure = publicUrl.protocol === 'https:'
  const scheme = isUpgrade ? (isSecure ? 'wss:' : 'ws:') : publicUrl.protocol
  const hosts = new Set([publicUrl.host, publicUrl.hostname])
  let isSigned = false
  // All are compared, so that the time tells nothing of which one fits.
  for (const host of hosts)
    for (const authToken of authTokens) {
      const expected = twilioSignature(authToken, `${scheme}//${host}${target}`, fields)
      if (timingSafeEqual(Buffer.from(expected), Buffer.from(signature))) isSigned = true
    }
  return isSigned
}
