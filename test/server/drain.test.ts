// The relay process after SIGTERM: it reports that it drains, refuses newcomers, lets answers finish, spreads the closes, and ends in time.
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadAuthConfig } from '../../src/config/load.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { type RunningCommand, startCommand } from '../support/built-relay.js'
import { connectClient, Refused } from '../support/realtime-client.js'
import { API_KEY, DEPLOYMENT, INSTRUCTIONS, runRelay, SECRET } from '../support/running-relay.js'

let simulator: Simulator | undefined
let running: RunningCommand | undefined
afterEach(async () => {
  await running?.stop()
  await simulator?.close()
})

interface Started {
  readonly relay: RunningCommand
  readonly url: string
  readonly upstream: Simulator
  connect(): ReturnType<typeof connectClient>
}

async function start(drainSeconds: number): Promise<Started> {
  const upstream = await startSimulator({ apiKey: API_KEY, deployments: [DEPLOYMENT], speed: Number.POSITIVE_INFINITY })
  simulator = upstream
  const relay = await startCommand([], {
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      ADMIN_PORT: '0',
      JWT_SECRET: SECRET,
      AZURE_OPENAI_ENDPOINT: upstream.url,
      AZURE_OPENAI_DEPLOYMENT: DEPLOYMENT,
      AZURE_OPENAI_API_KEY: API_KEY,
      INSTRUCTIONS,
      DRAIN_SECONDS: String(drainSeconds),
      MAX_SESSIONS_PER_USER: '50',
    },
  })
  running = relay
  const url = (await relay.says(/"url":"(http:\/\/127\.0\.0\.1:\d+)"/))[1] ?? ''
  const token = await mintToken(loadAuthConfig({ JWT_SECRET: SECRET }), { subject: 'alice', ttlSeconds: 600, claims: {} })
  return { relay, url, upstream, connect: () => connectClient(`${url.replace('http', 'ws')}/v1/realtime`, token) }
}

/** An answer that is under way and will take about `deltas` times `slowMs`. */
async function answering({ connect, upstream }: Started, slowMs: number) {
  const client = await connect()
  await client.next('session.created')
  upstream.setFaults({ slowMs })
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] } })
  client.send({ type: 'response.create' })
  await client.next('response.created')
  return client
}

describe('SIGTERM', () => {
  it('with sessions: not ready, newcomers refused, an answer finishes, closes spread, exit 0', async () => {
    const started = await start(8)
    const { relay, url, connect } = started
    const busy = await answering(started, 40)
    const idle = await Promise.all(Array.from({ length: 4 }, connect))
    await Promise.all(idle.map((client) => client.next('session.created')))
    const closedAt: number[] = []
    for (const client of idle) void client.closed().then(() => closedAt.push(performance.now()))

    relay.child.kill('SIGTERM')
    await vi.waitFor(async () => {
      const ready = await fetch(`${url}/readyz`)
      expect(ready.status).toBe(503)
      expect(await ready.json()).toMatchObject({ status: 'draining' })
    })
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    const refusal = await connect().then(
      () => undefined,
      (error: unknown) => error as Refused,
    )
    expect(refusal).toBeInstanceOf(Refused)
    expect(refusal).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    expect(JSON.parse(refusal?.body ?? '')).toMatchObject({ error: { code: 'draining' } })

    expect(await busy.next('response.done')).toMatchObject({ response: { status: 'completed' } })
    for (const client of [busy, ...idle]) expect(await client.closed()).toEqual({ code: 1012, reason: 'draining: reconnect' })
    // (8 s less 2 s for writing) / 2 for five sessions: 600 ms from one close to the next.
    expect(Math.max(...closedAt) - Math.min(...closedAt)).toBeGreaterThan(1000)
    const { code, ms } = await relay.ended
    expect(code).toBe(0)
    expect(ms).toBeLessThan(15_000)
    expect(relay.output).toContain('"msg":"stopped"')
  })

  it('without sessions: exit 0 at once', async () => {
    const { relay } = await start(30)
    const before = performance.now()
    relay.child.kill('SIGTERM')
    expect((await relay.ended).code).toBe(0)
    expect(performance.now() - before).toBeLessThan(3000)
  })

  it('with connections that send nothing or half a request: does not wait for them', async () => {
    const { relay, url } = await start(30)
    const port = Number(new URL(url).port)
    const silent = connectTcp(port, '127.0.0.1')
    const halfway = connectTcp(port, '127.0.0.1')
    for (const socket of [silent, halfway]) socket.on('error', () => undefined)
    await Promise.all([once(silent, 'connect'), once(halfway, 'connect')])
    halfway.write('GET /v1/realtime HTTP/1.1\r\nhost: x\r\n')
    await fetch(`${url}/livez`)
    const before = performance.now()
    relay.child.kill('SIGTERM')
    expect((await relay.ended).code).toBe(0)
    expect(performance.now() - before).toBeLessThan(5000)
    silent.destroy()
    halfway.destroy()
  })

  it('with an answer that does not end: it is cut at the deadline, with the same texts', async () => {
    const started = await start(3)
    const busy = await answering(started, 60_000)
    const before = performance.now()
    started.relay.child.kill('SIGTERM')
    expect(await busy.closed()).toEqual({ code: 1012, reason: 'draining: reconnect' })
    expect(busy.events.at(-1)).toMatchObject({ type: 'error', error: { code: 'draining' } })
    expect((await started.relay.ended).code).toBe(0)
    expect(performance.now() - before).toBeLessThan(4500)
  })

  it('with a client that never answers the close: still ends in time', async () => {
    const started = await start(4)
    const deaf = await started.connect()
    await deaf.next('session.created')
    deaf.socket.pause()
    const before = performance.now()
    started.relay.child.kill('SIGTERM')
    expect((await started.relay.ended).code).toBe(0)
    expect(performance.now() - before).toBeLessThan(5000)
    deaf.socket.terminate()
  })

  it('twice: the second ends it at once', async () => {
    const started = await start(30)
    await answering(started, 60_000)
    started.relay.child.kill('SIGTERM')
    await started.relay.says(/"msg":"draining"/)
    const before = performance.now()
    started.relay.child.kill('SIGINT')
    expect((await started.relay.ended).code).toBe(1)
    expect(performance.now() - before).toBeLessThan(1500)
  })
})

it('a caller that is being admitted at SIGTERM is refused, not admitted for a moment', async () => {
  const { publicKey, privateKey } = await generateKeyPair('RS256')
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }] })
  let asked: ((response: ServerResponse) => void) | undefined
  const question = new Promise<ServerResponse>((resolve) => {
    asked = resolve
  })
  const host = createServer((_request, response) => {
    // At the start there is no key yet, so that the first token has to wait for one.
    if (asked && admitting) asked(response)
    else response.end('{"keys":[]}')
  }).listen(0, '127.0.0.1')
  let admitting = false
  await once(host, 'listening')
  const env = { JWT_SECRET: '', JWKS_URL: `http://127.0.0.1:${(host.address() as AddressInfo).port}/`, JWT_ISSUER: 'us', JWT_AUDIENCE: 'voice', DRAIN_SECONDS: '12' }
  const own = await runRelay({ env })
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'RS256', kid: 'one' })
    .setSubject('alice')
    .setIssuer('us')
    .setAudience('voice')
    .setExpirationTime('5m')
    .sign(privateKey)
  admitting = true
  const coming = connectClient(`${own.wsUrl}/v1/realtime`, token).then(
    () => undefined,
    (error: unknown) => error as Refused,
  )
  const answer = await question
  const closing = own.close()
  answer.end(keys)
  expect(await coming).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
  expect(own.simulator.received).toEqual([])
  await closing
  host.close()
})
