// token.mjs: gives the signed-in user a token for the relay. PORT=3001 JWT_SECRET=… node token.mjs
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { SignJWT } from 'jose'

const KEY = new TextEncoder().encode(process.env.JWT_SECRET)
const LIFE_SECONDS = 300

/** Replace it: who is signed in, by your own session. */
function signedInUser(request) {
  return request.headers.cookie === 'session=sample' ? { id: 'alice', profile: 'staff' } : undefined
}

async function mint({ id, profile }) {
  const expires_at = Math.floor(Date.now() / 1000) + LIFE_SECONDS
  const token = await new SignJWT({ profile })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(id)
    .setIssuer('https://app.example.com')
    .setAudience('realtime-relay')
    .setExpirationTime(expires_at)
    .setJti(randomUUID())
    .sign(KEY)
  return { token, expires_at }
}

const server = createServer(async (request, response) => {
  const user = signedInUser(request)
  const status = request.method !== 'POST' || request.url !== '/token' ? 404 : user ? 200 : 401
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(status === 200 ? await mint(user) : {}))
})
server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'))
