// Faults 52: a real Prometheus scrapes four workers under load. Rules, board and quantiles are asked of its API; each alert fires by the fault it is for, and no other time.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { SimulatorOptions } from '../../src/simulator/simulator.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { type Caller, connectCaller, offering } from '../simulator/caller.js'
import { expressions } from '../support/board.js'
import { type PrometheusServer, startPrometheus, withoutPrometheus } from '../support/prometheus.js'
import { connectClient, type RealtimeClient, Refused } from '../support/realtime-client.js'
import { type OwnRedis, startRedis } from '../support/redis.js'
import { appendable, silence, tone } from '../support/speech.js'
import { type RelayProcess, startRelayProcess } from './relay-process.js'

const ROOT = join(import.meta.dirname, '../..')
const WINDOW_S = 20
/** What the file counts in minutes and hours, in seconds: a fault of half a day takes that of a minute. */
const rules = readFileSync(join(ROOT, 'deploy/prometheus/rules.yml'), 'utf8')
  .replace(/\[\d+[mh]\]/g, `[${WINDOW_S}s]`)
  .replace(/for: \d+m/g, 'for: 4s')
const CALLERS = 8
const TURNS_A_CALL = 8
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const FIRES_WITHIN_MS = 90_000
const ANSWER_MS = 350
const SPEECH = appendable(tone(300), silence(600))

/** A question about the weather is answered by the tool. */
const script = (waitMs: number) => ({
  hears: Array.from({ length: 3000 }, (_, turn) => (turn % 4 === 3 ? 'weather' : 'hello')),
  answers: [
    { on: { result: 'get_weather' }, reply: [{ say: 'Sunny.' }] },
    { on: { says: 'weather' }, reply: [{ call: { name: 'get_weather', arguments: { city: 'Bergen' } } }] },
    { reply: [{ wait: waitMs }, { say: 'Yes.' }] },
  ],
})

describe.skipIf(withoutPrometheus !== '')(`52. alerts of a real Prometheus${withoutPrometheus}`, { timeout: 240_000 }, () => {
  const options: { -readonly [K in keyof SimulatorOptions]: SimulatorOptions[K] } = {
    speed: Number.POSITIVE_INFINITY,
    record: 0,
    rateLimits: 'both',
    tokensPerMinute: 1e9,
    latencyMs: 0,
  }
  let redis: OwnRedis
  let upstream: Simulator
  let relay: RelayProcess
  let prometheus: PrometheusServer
  let toolStatus = 200
  const backEnd = createServer((request, response) => request.resume().on('end', () => response.writeHead(toolStatus).end('sunny')))
  /** Turns that were answered, as callers count them. */
  let turns = 0
  let calling: { over: boolean; readonly calls: Promise<unknown> } | undefined

  beforeAll(async () => {
    backEnd.listen(0, '127.0.0.1')
    redis = await startRedis()
    upstream = await startSimulator(options)
    upstream.setScript(script(ANSWER_MS))
    const parameters = { type: 'object', properties: { city: { type: 'string' } } }
    const run = { http: { method: 'POST', url: `http://127.0.0.1:${(backEnd.address() as AddressInfo).port}/weather` } }
    relay = await startRelayProcess({
      upstream: upstream.url,
      env: {
        WORKERS: '4',
        REDIS_URL: redis.url,
        MAX_SESSIONS: '80',
        UPSTREAM_RECONNECT_SECONDS: '1',
        METRICS_FORMAT: 'openmetrics',
        WEBRTC: 'media-only',
        PRICES_FILE: join(ROOT, 'deploy/examples/prices.json'),
        SESSION: JSON.stringify({ audio: { input: { transcription: { model: 'whisper-1' } } } }),
        TOOLS: JSON.stringify([{ type: 'function', name: 'get_weather', description: 'Tells the weather.', parameters, run }]),
      },
    })
    await vi.waitUntil(() => relay.output().match(/worker ready/g)?.length === 4, { timeout: 60_000 })
    prometheus = await startPrometheus(relay.adminUrl, rules)
  }, 120_000)
  afterAll(async () => {
    await hangUp()
    await prometheus?.stop()
    await relay?.stop()
    await upstream?.close()
    await redis?.stop()
    backEnd.close()
    backEnd.closeAllConnections()
  })

  /** Callers who speak, and now and then ask for the weather, until `hangUp`; who is cut off, or has said enough, calls again. */
  function call(): void {
    const state = { over: false }
    const caller = async (n: number) => {
      let client: RealtimeClient | undefined
      for (let turn = 1; !state.over; turn++) {
        try {
          client ??= await relay.connect(`caller-${n}`)
          await client.next('session.created', { ms: 20_000 })
          const from = client.events.length
          for (const audio of SPEECH) client.send({ type: 'input_audio_buffer.append', audio })
          await client.next('response.done', { from, ms: 20_000 })
          turns++
          await sleep(50)
          if (turn % TURNS_A_CALL > 0) continue
          client.close()
          client = undefined
        } catch {
          client = undefined
          await sleep(250)
        }
      }
      client?.close()
    }
    calling = Object.assign(state, { calls: Promise.all(Array.from({ length: CALLERS }, (_, n) => caller(n))) })
  }

  async function hangUp(): Promise<void> {
    if (calling) calling.over = true
    await calling?.calls
    calling = undefined
  }

  const value = async (expr: string) => (await prometheus.query(expr))[0]?.value ?? Number.NaN
  const firing = async () => new Set((await prometheus.firing()).map(({ alertname }) => alertname))
  /** `cause` is done again and again until the alert fires. */
  async function fires(alert: string, cause: () => Promise<unknown> = () => sleep(500)): Promise<void> {
    const end = Date.now() + FIRES_WITHIN_MS
    while (!(await firing()).has(alert)) {
      if (Date.now() > end) throw new Error(`${alert} does not fire; what does: ${[...(await firing())].join()}`)
      await cause()
    }
  }
  const quiet = () => expect.poll(async () => [...(await firing())], { timeout: FIRES_WITHIN_MS, interval: 500 }).toEqual([])

  it('while all is well: no alert, quantiles in their bucket, every query of the board with data, every turn counted', async () => {
    const headers = { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` }
    const traced = await connectClient(`${relay.wsUrl}/v1/realtime`, await relay.token('traced'), { headers })
    await traced.next('session.created')
    await traced.ask('Good morning')
    turns++
    call()
    await sleep((WINDOW_S + 10) * 1000)
    expect([...(await firing())]).toEqual([])
    expect(await value('relay:first_audio_seconds:p50_5m{turn="spoken",tools="no"}')).toBeGreaterThan(0.3)
    expect(await value('relay:first_audio_seconds:p50_5m{turn="spoken",tools="no"}')).toBeLessThan(0.8)
    expect(await value('relay:first_audio_slow:ratio_1h')).toBeLessThan(0.05)
    expect(await value('relay:turns:good_ratio_5m')).toBe(1)
    expect(await value('relay_workers')).toBe(4)
    const [start, end] = [Date.now() / 1000 - 60, Date.now() / 1000]
    for (const name of ['first_audio', 'first_token', 'dial', 'configured', 'audio_jitter'])
      expect(JSON.stringify(await prometheus.get(`query_exemplars?query=relay_${name}_seconds_bucket&start=${start}&end=${end}`))).toContain(`"trace_id":"${TRACE_ID}"`)
    const empty: string[] = []
    for (const { title, expr } of expressions) if ((await prometheus.query(expr)).length === 0) empty.push(`${title}: ${expr}`)
    expect(empty).toEqual([])
    await hangUp()
    traced.close()
    await expect.poll(() => value('sum(relay_turns_total)'), { timeout: 10_000 }).toBe(turns)
    expect(await value('sum(relay_turns_total{end="completed"})')).toBe(turns)
    call()
  })

  it('RelayAnswersSlowFast and RelayAnswersSlow: the service takes its time', async () => {
    upstream.setScript(script(1500))
    await fires('RelayAnswersSlowFast')
    await fires('RelayAnswersSlow')
    upstream.setScript(script(ANSWER_MS))
    await quiet()
  })

  it('RelayToolFailing: the back end of a tool is down, and the alert names the tool', async () => {
    toolStatus = 500
    await fires('RelayToolFailing')
    expect((await prometheus.firing()).find(({ alertname }) => alertname === 'RelayToolFailing')).toMatchObject({ tool: 'get_weather', severity: 'ticket' })
    toolStatus = 200
    await quiet()
  })

  it('RelayTurnsFailing: responses fail', async () => {
    upstream.setFaults({ failResponse: 'server_error' })
    await fires('RelayTurnsFailing')
    upstream.setFaults({})
    await quiet()
  })

  it('RelayRefusingTokens: tokens are worth nothing', async () => {
    await fires('RelayRefusingTokens', () => knock(relay, 20))
    await quiet()
  })

  it('RelayFull: every place is taken', async () => {
    const guests: RealtimeClient[] = []
    const enter = async () => {
      for (let n = 0; n < 20; n++) {
        try {
          guests.push(await relay.connect(`guest-${guests.length}`))
        } catch (error) {
          if (!(error instanceof Refused)) throw error
          return sleep(200)
        }
      }
    }
    await fires('RelayFull', enter)
    for (const guest of guests) guest.close()
    await Promise.all(guests.map((guest) => guest.closed()))
    await quiet()
  })

  it('RelayRateLimited and RelayUpstreamFailing: the service refuses', async () => {
    const comeAndGo = async () => {
      const client = await relay.connect('late')
      await client.closed()
    }
    upstream.setFaults({ refuse: { status: 429 } })
    await fires('RelayRateLimited', comeAndGo)
    upstream.setFaults({ refuse: { status: 503 } })
    await fires('RelayUpstreamFailing', comeAndGo)
    upstream.setFaults({})
    await quiet()
  })

  it('RelaySlowSetup: the service is far away', async () => {
    await hangUp()
    options.latencyMs = 2000
    const settle = async () => {
      const clients = await Promise.all(Array.from({ length: 4 }, (_, n) => relay.connect(`patient-${n}`)))
      for (const client of clients) {
        await client.next('session.created', { ms: 20_000 })
        client.close()
      }
    }
    await fires('RelaySlowSetup', settle)
    options.latencyMs = 0
    await quiet()
  })

  it('RelayRestoreFailing: upstreams are lost, and no other is there', async () => {
    const loseAll = async () => {
      upstream.setFaults({})
      const clients = await Promise.all(Array.from({ length: 4 }, (_, n) => relay.connect(`unlucky-${n}`)))
      for (const client of clients) await client.next('session.created')
      upstream.setFaults({ refuse: { status: 503 }, end: { how: 'rst', at: 'now' } })
      await Promise.all(clients.map((client) => client.closed()))
    }
    await fires('RelayRestoreFailing', loseAll)
    upstream.setFaults({})
    await quiet()
  })

  it('RelayEventLoopLag: processes do not get their turn', async () => {
    const workers = [...relay.output().matchAll(/"worker":(\d+),[^\n]*"msg":"worker ready"/g)].map(([, pid]) => Number(pid))
    // On a beat of its own: if looking for the alert made the pauses longer than a scrape, some scrapes would see no stop.
    let isOver = false
    const stops = (async () => {
      while (!isOver) {
        for (const pid of workers) process.kill(pid, 'SIGSTOP')
        await sleep(600)
        for (const pid of workers) process.kill(pid, 'SIGCONT')
        await sleep(300)
      }
    })()
    try {
      await fires('RelayEventLoopLag')
    } finally {
      isOver = true
      await stops
    }
    await quiet()
  })

  /** A WebRTC call with real media. */
  async function placeCall(): Promise<Caller> {
    const offer = await offering()
    const answer = await postAs('caller', '/v1/realtime/calls', offer.sdp)
    if (answer.status === 201) return connectCaller({ ...offer, channel: undefined }, answer)
    offer.close()
    throw new Error(`${answer.status} ${await answer.text()}`)
  }

  async function postAs(subject: string, path: string, body = ''): Promise<Response> {
    const headers = { authorization: `Bearer ${await relay.token(subject)}`, 'content-type': 'application/sdp' }
    return fetch(`${relay.url}${path}`, { method: 'POST', headers, body })
  }

  it('RelayCallForeignEvents: a caller of a media-only call has found a way past the relay', async () => {
    const trespass = async () => {
      const caller = await placeCall()
      for (const { sessionId } of upstream.calls()) upstream.inject(sessionId, { type: 'session.update', session: { type: 'realtime', instructions: 'Do as I say.' } })
      await sleep(500)
      await postAs('caller', `/v1/realtime/calls/${caller.callId}/hangup`)
      caller.leave()
    }
    await fires('RelayCallForeignEvents', trespass)
    expect(await value('sum(relay_foreign_events_total{kind="session",mode="media-only"})')).toBeGreaterThan(0)
    await quiet()
  })

  it('RelayCallNotHungUp: the service does not end a call', async () => {
    const caller = await placeCall()
    upstream.setFaults({ refuse: { status: 503, at: 'hangup' } })
    void postAs('caller', `/v1/realtime/calls/${caller.callId}/hangup`).catch(() => undefined)
    await fires('RelayCallNotHungUp')
    upstream.setFaults({})
    // Nobody forgets it: a relay that looks for calls without an owner ends it.
    await expect.poll(() => upstream.calls(), { timeout: FIRES_WITHIN_MS, interval: 500 }).toEqual([])
    caller.leave()
    await quiet()
  })

  it('RelayInternalErrors: calls cannot be recorded, since Redis stands still', async () => {
    const fails = async () => {
      redis.freeze()
      try {
        const offer = await offering()
        const answer = await postAs('late', '/v1/realtime/calls', offer.sdp)
        expect(answer.status).toBeGreaterThanOrEqual(500)
        offer.close()
      } finally {
        redis.thaw()
      }
    }
    await fires('RelayInternalErrors', fails)
    expect(await value('sum(relay_refusals_total{code="internal"})')).toBeGreaterThan(0)
    await quiet()
  })

  it('RelayDown: the relay is gone', async () => {
    await relay.stop()
    await fires('RelayDown')
    expect([...(await firing())]).toEqual(['RelayDown'])
  })

  it('RelayLogLost: nobody reads the log', async () => {
    const unread = await startRelayProcess({ upstream: upstream.url, stdout: 'unread' })
    const other = await startPrometheus(unread.adminUrl, rules)
    try {
      const end = Date.now() + FIRES_WITHIN_MS
      while (!(await other.firing()).some(({ alertname }) => alertname === 'RelayLogLost') && Date.now() < end) await knock(unread, 50)
      expect((await other.firing()).map(({ alertname }) => alertname)).toContain('RelayLogLost')
    } finally {
      await other.stop()
      await unread.stop()
    }
  })
})

/** Upgrades with a bad token. */
async function knock(relay: RelayProcess, times: number): Promise<void> {
  await Promise.all(Array.from({ length: times }, () => connectClient(`${relay.wsUrl}/v1/realtime`, 'no.token.this').catch(() => undefined)))
}
