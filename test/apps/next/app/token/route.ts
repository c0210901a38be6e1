// A token of the relay for who is signed in. It is good for five minutes, since it lies in a page.
import { signed, user } from '../../lib/session'

export async function POST(): Promise<Response> {
  const headers = { 'cache-control': 'no-store' }
  const name = await user()
  if (!name) return Response.json({ error: 'Not signed in.' }, { status: 401, headers })
  // The relay compares `iss` and `aud` with its own settings of these names. `relayEvents` lets the page come back to its conversation, and renew the token.
  const claims = { iss: process.env.JWT_ISSUER || undefined, aud: process.env.JWT_AUDIENCE || undefined, relayEvents: true }
  return Response.json({ token: await signed('JWT_SECRET', name, '5m', claims) }, { headers })
}
