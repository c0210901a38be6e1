// The token services of deploy/identity.md, each as a process of its own: what they give, to whom, and what the relay makes of it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { ROOT } from '../docs/documents.js'
import { API_KEY, DEPLOYMENT } from '../support/running-relay.js'
import { type RecipeRelay, settingsOf, startRecipe } from './recipe.js'

const SECRET = 'what openssl prints, and a back end has as well'
const MINT = join(import.meta.dirname, 'mint')
const LIFE_SECONDS = 300
const ENDING_SECONDS = 4

interface Service {
  readonly url: string
  readonly child: ChildProcess
}

let folder: string
let simulator: Simulator
let relay: RecipeRelay
const children: ChildProcess[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relay-mint-'))
  simulator = await startSimulator({ apiKey: API_KEY, deployments: [DEPLOYMENT], speed: Number.POSITIVE_INFINITY })
  relay = await startRecipe(settingsOf('Your own secret'), { JWT_SECRET: SECRET, JWT_CLOCK_TOLERANCE_S: '0' }, simulator)
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await relay.close()
  await simulator.close()
  rmSync(folder, { recursive: true, force: true })
})

/** HttpListener cannot take a free port by itself. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

async function serve(command: string, args: readonly string[], secret = SECRET): Promise<Service> {
  const port = await freePort()
  const child = spawn(command, args, { env: { PATH: process.env.PATH, PORT: String(port), JWT_SECRET: secret }, stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk))
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'close').then(() => {
      throw new Error(`ended before it was ready: ${said}`)
    }),
  ])
  return { url: `http://127.0.0.1:${port}`, child }
}

const ask = ({ url }: Service, headers: Record<string, string> = { cookie: 'session=sample' }, path = '/token', method = 'POST') => fetch(`${url}${path}`, { method, headers })
const tokenFrom = async (service: Service) => ((await (await ask(service)).json()) as { readonly token: string }).token

/** Whether a command runs and ends well. */
const runs = (command: string, ...args: readonly string[]): boolean => spawnSync(command, args, { stdio: 'ignore' }).status === 0
const CACHE = join(ROOT, 'node_modules/.cache')
const python = [join(CACHE, 'realtime-relay-pyjwt/bin/python'), join(CACHE, 'realtime-relay-python/bin/python'), 'python3'].find((one) => runs(one, '-c', 'import jwt'))
const hasMono = runs('mcs', '--version') && runs('mono', '--version')

function compiled(): readonly string[] {
  const program = join(folder, 'Token.exe')
  if (existsSync(program)) return [program]
  const { status, stderr } = spawnSync('mcs', [`-out:${program}`, join(MINT, 'Token.cs')], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return [program]
}

const SERVICES: readonly (readonly [language: string, missing: string | undefined, command: string, args: () => readonly string[]])[] = [
  ['Node', undefined, process.execPath, () => [join(MINT, 'token.mjs')]],
  ['Python', python ? undefined : 'PyJWT is not there: test/identity/pyjwt.sh', python ?? '', () => [join(MINT, 'token.py')]],
  ['C#', hasMono ? undefined : 'Mono is not installed', 'mono', compiled],
]

describe.each(SERVICES)('a back end in %s', (_language, missing, command, args) => {
  const skipped = missing === undefined ? '' : ` (skipped: ${missing})`
  let started: Promise<Service> | undefined
  const running = () => {
    started ??= serve(command, args())
    return started
  }

  it.skipIf(missing !== undefined)(`gives the signed-in user a token of minutes, which the relay takes${skipped}`, async () => {
    const service = await running()
    const answer = await ask(service)
    const body = (await answer.json()) as { readonly token: string; readonly expires_at: number }
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([200, 'application/json', 'no-store'])
    expect(Object.keys(body).sort()).toEqual(['expires_at', 'token'])

    const { exp = 0, jti, ...claims } = decodeJwt(body.token)
    expect(decodeProtectedHeader(body.token)).toEqual({ alg: 'HS256', typ: 'JWT' })
    expect(claims).toEqual({ sub: 'alice', profile: 'staff', iss: 'https://app.example.com', aud: 'realtime-relay' })
    expect(exp).toBe(body.expires_at)
    expect(exp - Date.now() / 1000).toBeGreaterThan(LIFE_SECONDS - 20)
    expect(exp - Date.now() / 1000).toBeLessThanOrEqual(LIFE_SECONDS)

    const next = await tokenFrom(service)
    expect(decodeJwt(next).jti).not.toBe(jti)
    expect(jti).toMatch(/^[0-9a-f-]{36}$/)

    const client = await relay.connect(body.token)
    await client.next('session.created')
    expect(await relay.dailyResponses(body.token)).toBe(500)
    client.send({ type: 'relay.token.refresh', token: next })
    expect(await client.next('relay.token.refreshed')).toMatchObject({ expires_at: decodeJwt(next).exp })
    client.close()
    await client.closed()
  })

  it.skipIf(missing !== undefined)(`gives nobody else one${skipped}`, async () => {
    const service = await running()
    const tries = [ask(service, {}), ask(service, { cookie: 'session=other' }), ask(service, undefined, '/token/x'), ask(service, undefined, '/token', 'GET')]
    const answers = await Promise.all(tries)
    expect(answers.slice(0, 3).map(({ status }) => status)).toEqual([401, 401, 404])
    expect(answers[3]?.status).toBeGreaterThanOrEqual(400)
    for (const answer of answers) expect(await answer.text()).not.toContain('eyJ')
  })

  it.skipIf(missing !== undefined)(`with another secret, gives what the relay refuses${skipped}`, async () => {
    const service = await serve(command, args(), `${SECRET}!`)
    expect(await relay.refusal(await tokenFrom(service))).toEqual({ status: 401, why: 'bad_signature' })
  })
})

describe('a page that keeps its token', () => {
  const ending = () =>
    new SignJWT({ profile: 'staff' })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('alice')
      .setIssuer('https://app.example.com')
      .setAudience('realtime-relay')
      .setExpirationTime(Math.floor(Date.now() / 1000) + ENDING_SECONDS)
      .sign(new TextEncoder().encode(SECRET))

  it('brings the next one in time, and a page that does not is cut off', async () => {
    const { keepToken } = (await import(pathToFileURL(join(MINT, 'keep-token.js')).href)) as { keepToken: (socket: WebSocket, ask: () => Promise<string>) => void }
    const service = await serve(process.execPath, [join(MINT, 'token.mjs')])
    const [kept, left] = await Promise.all([relay.connect(await ending()), relay.connect(await ending())])
    keepToken(kept.socket, () => tokenFrom(service))
    const { expires_at } = await kept.next('relay.token.refreshed')
    expect(Number(expires_at) - Date.now() / 1000).toBeGreaterThan(LIFE_SECONDS - 20)
    expect((await left.closed()).code).toBe(4401)
    expect((await kept.ask('Still there?')).map(({ type }) => type)).toContain('response.done')
    kept.close()
    await kept.closed()
  })
})
