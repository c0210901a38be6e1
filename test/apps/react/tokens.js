// Who is signed in, and a token of the relay for them. The sign-in is a stand-in that believes any name: put your own in its place.
import { existsSync } from 'node:fs'
import { jwtVerify, SignJWT } from 'jose'

if (existsSync('.env')) process.loadEnvFile()

/** The relay has this one as well: whoever has it can be anybody. */
const tokenKey = keyOf('JWT_SECRET')
const cookieKey = keyOf('COOKIE_SECRET')
const relay = new URL(process.env.RELAY_URL)
const secure = relay.protocol === 'wss:' || process.env.NODE_ENV === 'production' ? '; Secure' : ''
/** Beyond this machine anybody could be anybody. */
const anyName = /^(localhost|127\.0\.0\.1|\[::1\])$/.test(relay.hostname) || process.env.ALLOW_ANY_NAME === 'yes'
const REFUSED = 'This sign-in believes any name, so it is for a relay on localhost alone. Put your own in its place, or set ALLOW_ANY_NAME=yes.'

/** Who made the token and whom it is for: the relay compares both with its own settings of these names. */
const meant = { iss: process.env.JWT_ISSUER || undefined, aud: process.env.JWT_AUDIENCE || undefined }

/** Answers its routes, and leaves every other request to `next`, as middleware does. */
export async function tokens(request, response, next) {
  switch (`${request.method} ${request.url}`) {
    case 'POST /sign-in': {
      if (!anyName) return answer(response, 403, { error: REFUSED })
      const name = (await textOf(request)).trim()
      if (!/^[\w .@-]{1,40}$/.test(name)) return answer(response, 400, { error: 'A name has 1 to 40 letters or digits.' })
      const cookie = await sign(cookieKey, name, '8h')
      response.setHeader('set-cookie', `session=${cookie}; HttpOnly; SameSite=Strict; Path=/; Max-Age=28800${secure}`)
      return answer(response, 200, { name, relay: process.env.RELAY_URL })
    }
    case 'GET /me':
      return answer(response, 200, { name: await userOf(request), relay: process.env.RELAY_URL })
    case 'POST /token': {
      const name = await userOf(request)
      if (!name) return answer(response, 401, { error: 'Not signed in.' })
      // Short, since it lies in a page. `relayEvents` lets the page come back to its conversation, and renew the token.
      return answer(response, 200, { token: await sign(tokenKey, name, '5m', { ...meant, relayEvents: true }) })
    }
    default:
      return next()
  }
}

function sign(key, name, time, claims = {}) {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setSubject(name).setIssuedAt().setExpirationTime(time).sign(key)
}

async function userOf(request) {
  const cookie = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? ''
  return jwtVerify(cookie, cookieKey, { algorithms: ['HS256'] }).then(
    ({ payload }) => payload.sub,
    () => undefined,
  )
}

async function textOf(request) {
  let text = ''
  for await (const part of request) if (text.length < 1000) text += part
  return text
}

function answer(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body))
}

function keyOf(name) {
  const secret = process.env[name] ?? ''
  if (secret.length < 32) throw new Error(`${name} must have 32 characters or more. Put it into .env, or into your host's settings.`)
  return new TextEncoder().encode(secret)
}
