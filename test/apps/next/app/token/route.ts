// A token of the relay for who is signed in. It is good for five minutes, since it lies in a page.
import { signed, user } from '../../lib/session'

export async function POST(): Promise<Response> {
  const headers = { 'cache-control': 'no-store' }
  const name = await user()
  if (!name) return Response.json({ error: 'Not signed in.' }, { status: 401, headers })
  // `relayEvents` lets the page come back to its conversation, and renew the token.
  return Response.json({ token: await signed('JWT_SECRET', name, '5m', { relayEvents: true }) }, { headers })
}
