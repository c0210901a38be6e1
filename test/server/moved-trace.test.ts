// The trace of a session goes on at the instance that it moves to, by a link or in one trace, and also if that instance would not have traced it.
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.js'
import { type OwnRedis, startRedis } from '../support/redis.js'
import { comeBack, enabled } from '../support/returning.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

let redis: OwnRedis
const closing: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})
afterAll(() => redis?.stop())

async function start(collector: OtlpReceiver, env: Record<string, string>): Promise<RunningRelay> {
  const shared = { REDIS_URL: redis.url, RESUME_STORE: 'redis', RESUME_SECONDS: '30', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
  const running = await runRelay({ env: { ...shared, ...env } })
  closing.push(() => running.close())
  const readyz = async () => (await fetch(`${running.relay.url}/readyz`)).json()
  await vi.waitFor(async () => expect(await readyz()).toMatchObject({ checks: { limits: { status: 'ok' } } }), { timeout: 8000, interval: 20 })
  return running
}

async function moved(env: Record<string, string>, envOfSecond: Record<string, string> = {}) {
  const collector = await startOtlpReceiver()
  closing.push(() => collector.close())
  const [a, b] = [await start(collector, env), await start(collector, { ...env, ...envOfSecond })]
  const door = async (of: RunningRelay) => ({ wsUrl: of.wsUrl, bearer: await of.token('alice', { relayEvents: true }) })
  const first = await enabled(await door(a))
  await first.ask('Hello')
  await first.lose()
  const second = await comeBack(await door(b), first)
  await second.ask('And again')
  const turns = await collector.spansNamed('realtime turn', 2)
  const connections = [...(await collector.spansNamed('realtime connect', 2))].sort((one, other) => one.start - other.start)
  await second.lose()
  return { turns, connections }
}

it('each turn a trace: the connection is linked to the one before', async () => {
  const { turns, connections } = await moved({}, { TRACE_SAMPLE_RATIO: '0' })
  const [before, after] = connections
  expect(after?.traceId).not.toBe(before?.traceId)
  expect(after?.links).toMatchObject([{ traceId: before?.traceId, spanId: before?.spanId }])
  expect(connections.map(({ attributes = {} }) => attributes['relay.session.resumed'])).toEqual([false, true])
  expect(turns.at(-1)?.links).toMatchObject([{ spanId: after?.spanId }])
})

it('the whole call a trace: it is the same one', async () => {
  const { turns, connections } = await moved({ TRACE_LAYOUT: 'session' })
  const [before, after] = connections
  expect(after).toMatchObject({ traceId: before?.traceId, parentSpanId: before?.spanId })
  expect(after?.links ?? []).toEqual([])
  expect(turns.map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual([
    [before?.traceId, before?.spanId],
    [before?.traceId, after?.spanId],
  ])
})
