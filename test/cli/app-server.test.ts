// The server and the sign-in that `init --app page` copies (react has the same files), without a browser: what it serves, whom it believes, what its tokens say.
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { jwtVerify, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RunningCommand, watched } from '../support/built-relay.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const JWT_SECRET = 'of-the-relay-and-of-the-app-'.repeat(2)
const COOKIE_SECRET = 'of-the-cookie-of-the-app-alone-'.repeat(2)
const LOCAL = 'ws://localhost:8080/v1/realtime'
const FAR = 'wss://relay.example.com/v1/realtime'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'app-server-'))
  cpSync(join(ROOT, 'test/apps/page'), folder, { recursive: true, filter: (path) => !path.includes('node_modules') })
  mkdirSync(join(folder, 'node_modules/realtime-relay'), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules/jose'), join(folder, 'node_modules/jose'), 'dir')
  const kit = { name: 'realtime-relay', type: 'module', exports: { './browser': './browser.js' } }
  for (const [name, text] of Object.entries({ 'package.json': JSON.stringify(kit), 'browser.js': '', 'kit.min.js': 'kit' }))
    writeFileSync(join(folder, 'node_modules/realtime-relay', name), text)
  writeFileSync(join(folder, '.env'), `JWT_SECRET=${JWT_SECRET}\nCOOKIE_SECRET=${COOKIE_SECRET}\nJWT_ISSUER=my-app\nJWT_AUDIENCE=realtime-relay\nRELAY_URL=${LOCAL}\n`)
  mkdirSync(join(folder, '.git'))
  writeFileSync(join(folder, '.git/config'), 'secret')
})
afterAll(() => rmSync(folder, { recursive: true }))

let running: RunningCommand | undefined
afterEach(() => running?.stop())

/** Its port. */
async function start(env: Readonly<Record<string, string>> = {}, served = 'public'): Promise<number> {
  running = watched(spawn(process.execPath, ['server.js', served], { cwd: folder, env: { PATH: process.env.PATH, PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'pipe'] }))
  return Number((await running.says(/localhost:(\d+)/))[1])
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
}

/** With the path as it is typed: `fetch` resolves `..` itself. Rejects if the server goes. */
function ask(port: number, method: string, path: string, options: { readonly cookie?: string; readonly body?: string; readonly host?: string } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: options.host ?? 'localhost', port, method, path, agent: false, headers: options.cookie === undefined ? {} : { cookie: `session=${options.cookie}` } },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (part: string) => {
          text += part
        })
        answer.on('error', reject)
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }))
      },
    )
    asked.on('error', reject)
    asked.end(options.body)
  })
}

describe('its files', () => {
  it.each(['public', '.'])('of %s are served with what keeps a page safe, and none whose name begins with a dot', async (served) => {
    const port = await start({}, served)
    const { status, headers, text } = await ask(port, 'GET', served === '.' ? '/public/index.html' : '/')
    expect([status, text]).toEqual([200, expect.stringContaining('<!doctype html>')])
    expect(headers).toMatchObject({
      'content-type': 'text/html',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("default-src 'self'; connect-src 'self' ws://localhost:8080;"),
    })
    expect((await ask(port, 'GET', '/kit.min.js')).text).toBe('kit')
    for (const path of ['/.env', '/%2eenv', '/..%2f.env', '/../.env', '/public/..%2f.env', '/public/..%5c.env', '/.git/config', '/.git%2fconfig', '/..%2ftokens.js', '/nothing']) {
      expect([path, await ask(port, 'GET', path)]).toEqual([path, expect.objectContaining({ status: 404, text: '' })])
    }
    expect((await ask(port, 'POST', '/page.js')).status).toBe(404)
  })

  const linux = process.platform === 'linux'
  it.skipIf(!linux)(`may fail to be read, and a path may be no path: the server stays${linux ? '' : ' (skipped: no /proc)'}`, async () => {
    // Its first byte cannot be read, whoever asks.
    symlinkSync('/proc/self/mem', join(folder, 'public/broken.js'))
    const port = await start()
    await expect(ask(port, 'GET', '/broken.js')).rejects.toThrow()
    expect((await ask(port, 'GET', '/%')).status).toBe(500)
    expect((await ask(port, 'GET', '/page.js')).status).toBe(200)
    rmSync(join(folder, 'public/broken.js'))
  })

  it('cannot always be opened: that request fails, and the server stays', async () => {
    // The connections take all files that it may have open.
    const shell = `ulimit -n 64; exec "${process.execPath}" server.js public`
    running = watched(spawn('sh', ['-c', shell], { cwd: folder, env: { PATH: process.env.PATH, PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'] }))
    const port = Number((await running.says(/localhost:(\d+)/))[1])
    const failed = async () => {
      const asked = await Promise.allSettled(Array.from({ length: 120 }, () => ask(port, 'GET', '/page.js')))
      return asked.some((one) => one.status === 'fulfilled' && one.value.status === 500)
    }
    // On a busy machine connections may come one by one, and then all files can be opened.
    await expect.poll(failed, { timeout: 20_000 }).toBe(true)
    expect((await ask(port, 'GET', '/page.js')).status).toBe(200)
  })

  const others = Object.values(networkInterfaces()).flatMap((list = []) => list.filter((one) => !one.internal && one.family === 'IPv4'))
  it.skipIf(others.length === 0)(`are for this machine alone, unless HOST says otherwise${others.length > 0 ? '' : ' (skipped: no other address)'}`, async () => {
    const host = others[0]?.address ?? ''
    await expect(ask(await start(), 'GET', '/', { host })).rejects.toThrow('ECONNREFUSED')
    await running?.stop()
    expect((await ask(await start({ HOST: '0.0.0.0' }), 'GET', '/', { host })).status).toBe(200)
  })
})

describe('its sign-in', () => {
  const cookieOf = ({ headers }: Answer) => String(headers['set-cookie'])
  const signIn = (port: number, body = 'alice') => ask(port, 'POST', '/sign-in', { body })

  it('gives a cookie, and for it a token that says who made it and for whom', async () => {
    const port = await start()
    const signed = await signIn(port)
    expect(cookieOf(signed)).toMatch(/^session=[^;]+; HttpOnly; SameSite=Strict; Path=\/; Max-Age=28800$/)
    const cookie = /session=([^;]+)/.exec(cookieOf(signed))?.[1] ?? ''
    expect(JSON.parse((await ask(port, 'GET', '/me', { cookie })).text)).toEqual({ name: 'alice', relay: LOCAL })
    const { status, headers, text } = await ask(port, 'POST', '/token', { cookie })
    expect([status, headers['cache-control']]).toEqual([200, 'no-store'])
    const { token } = JSON.parse(text) as { token: string }
    const { payload } = await jwtVerify(token, Buffer.from(JWT_SECRET), { issuer: 'my-app', audience: 'realtime-relay', algorithms: ['HS256'] })
    expect(payload).toMatchObject({ sub: 'alice', relayEvents: true })
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300)
    for (const body of ['', ' ', 'a'.repeat(41), '<b>', 'x'.repeat(5000)]) expect((await signIn(port, body)).status).toBe(400)
  })

  it('gives no token for a cookie that it has not signed', async () => {
    const port = await start()
    const claims = (time = '8h') => new SignJWT().setProtectedHeader({ alg: 'HS256' }).setSubject('alice').setIssuedAt().setExpirationTime(time)
    const own = await claims().sign(Buffer.from(COOKIE_SECRET))
    expect((await ask(port, 'POST', '/token', { cookie: own })).status).toBe(200)
    const [head = '', body = ''] = own.split('.')
    const wrong = {
      'another key': await claims().sign(Buffer.from('of-nobody-in-particular-'.repeat(2))),
      'the key of tokens': await claims().sign(Buffer.from(JWT_SECRET)),
      'no key': new UnsecuredJWT().setSubject('alice').setIssuedAt().setExpirationTime('8h').encode(),
      'no signature': `${head}.${body}.`,
      'another hash': await new SignJWT().setProtectedHeader({ alg: 'HS512' }).setSubject('alice').setExpirationTime('8h').sign(Buffer.from(COOKIE_SECRET)),
      'the past': await claims('-1s').sign(Buffer.from(COOKIE_SECRET)),
      nothing: '',
    }
    for (const [by, cookie] of Object.entries(wrong)) {
      const { status, text } = await ask(port, 'POST', '/token', { cookie })
      expect([by, status, text]).toEqual([by, 401, '{"error":"Not signed in."}'])
      expect((await ask(port, 'GET', '/me', { cookie })).text).toBe(JSON.stringify({ relay: LOCAL }))
    }
  })

  it('refuses everybody if the relay is elsewhere, unless any name is allowed; then its cookie is for TLS alone', async () => {
    for (const env of [{ RELAY_URL: FAR }, { RELAY_URL: 'ws://localhost.example.com/' }, { RELAY_URL: FAR, ALLOW_ANY_NAME: 'no' }]) {
      const refused = await signIn(await start(env))
      expect([refused.status, refused.headers['set-cookie']]).toEqual([403, undefined])
      expect(refused.text).toContain('ALLOW_ANY_NAME=yes')
      await running?.stop()
    }
    const allowed = await signIn(await start({ RELAY_URL: FAR, ALLOW_ANY_NAME: 'yes' }))
    expect([allowed.status, cookieOf(allowed)]).toEqual([200, expect.stringMatching(/; Secure$/)])
    await running?.stop()
    expect(cookieOf(await signIn(await start({ NODE_ENV: 'production' })))).toMatch(/; Secure$/)
  })
})

const python = spawnSync('python3', ['--version']).status === 0
it.skipIf(!python)(`ask.py reads .env as Node does${python ? '' : ' (skipped: no python3)'}`, () => {
  const text = 'A="quoted # no comment" # comment\nB=\'single\'\nC=plain # comment\nD=abc#def\nE=`back`\nexport F=ex\nG=\nH = spaced\n#J=no\nK=\'it "is"\'\nL=a=b\n'
  writeFileSync(join(folder, '.env'), text)
  const program = 'import sys, json; from unittest.mock import MagicMock; sys.modules.update(jwt=MagicMock(), openai=MagicMock()); import ask; print(json.dumps(ask.settings()))'
  const { stdout, stderr } = spawnSync('python3', ['-B', '-c', program], {
    cwd: folder,
    env: { PATH: process.env.PATH, PYTHONPATH: join(ROOT, 'test/apps/python') },
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toMatchObject(parseEnv(text))
})
