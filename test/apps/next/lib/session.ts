// Who is signed in, by a signed cookie. It stands for your own sign-in, whatever that is.
import { jwtVerify, SignJWT } from 'jose'
import { cookies } from 'next/headers'

const HOURS = 8

/** Why nobody may sign in. This sign-in believes any name, and beyond this machine anybody could be anybody. */
export function refused(): string | undefined {
  const { hostname } = new URL(process.env.RELAY_URL ?? '')
  if (/^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname) || process.env.ALLOW_ANY_NAME === 'yes') return undefined
  return 'This sign-in believes any name, so it is for a relay on localhost alone. Put your own in its place, or set ALLOW_ANY_NAME=yes.'
}

export async function signIn(name: string): Promise<void> {
  const why = refused()
  if (why !== undefined) throw new Error(why)
  const cookie = await signed('COOKIE_SECRET', name, `${HOURS}h`)
  const secure = process.env.RELAY_URL?.startsWith('wss:') || process.env.NODE_ENV === 'production'
  ;(await cookies()).set('session', cookie, { httpOnly: true, sameSite: 'strict', secure, maxAge: HOURS * 3600 })
}

export async function user(): Promise<string | undefined> {
  const cookie = (await cookies()).get('session')?.value ?? ''
  return jwtVerify(cookie, key('COOKIE_SECRET'), { algorithms: ['HS256'] }).then(
    ({ payload }) => payload.sub,
    () => undefined,
  )
}

/** Runs on the server alone: with `JWT_SECRET`, which the relay has as well, anybody could be anybody. */
export function signed(secret: 'COOKIE_SECRET' | 'JWT_SECRET', name: string, time: string, claims = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setSubject(name).setIssuedAt().setExpirationTime(time).sign(key(secret))
}

function key(name: string): Uint8Array {
  const secret = process.env[name] ?? ''
  if (secret.length < 32) throw new Error(`${name} must have 32 characters or more. Put it into .env, or into your host's settings.`)
  return new TextEncoder().encode(secret)
}
