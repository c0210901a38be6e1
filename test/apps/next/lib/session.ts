// Who is signed in, by a signed cookie. It stands for your own sign-in, whatever that is.
import { jwtVerify, SignJWT } from 'jose'
import { cookies } from 'next/headers'

const HOURS = 8

/** Believes any name. */
export async function signIn(name: string): Promise<void> {
  const cookie = await signed('COOKIE_SECRET', name, `${HOURS}h`)
  const secure = process.env.NODE_ENV === 'production'
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
