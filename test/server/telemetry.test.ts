// Traces, metrics and log reach a collector as OpenTelemetry's protocol has them, and a collector that is away, slow or hostile is noticed by no session.
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ExportedSpan, type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { API_KEY, DEPLOYMENT, INSTRUCTIONS, type RunningOptions, type RunningRelay, runRelay, SECRET } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'

const CLIENT_TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const [, CLIENT_TRACE_ID, CLIENT_SPAN_ID] = CLIENT_TRACE.split('-')
const INFERENCE = `realtime_inference ${DEPLOYMENT}`
const EXPORT_NOW = { OTEL_METRIC_EXPORT_INTERVAL: '200' }

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(
  options: RunningOptions = {},
  env: Record<string, string> = {},
): Promise<{ running: RunningRelay; collector: OtlpReceiver; headersOfTools: IncomingHttpHeaders[] }> {
  const collector = await startOtlpReceiver()
  closing.push(() => collector.close())
  const headersOfTools: IncomingHttpHeaders[] = []
  const backEnd = createServer((request, response) => {
    headersOfTools.push(request.headers)
    request.resume().on('end', () => response.end('sunny in Lisbon'))
  }).listen(0, '127.0.0.1')
  await once(backEnd, 'listening')
  closing.push(async () => backEnd.close().closeAllConnections())
  const url = `http://127.0.0.1:${(backEnd.address() as AddressInfo).port}/weather`
  const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
  const tools = [{ type: 'function', name: 'get_weather', description: 'Tells the weather in a city.', parameters, run: { http: { method: 'POST', url } } }]
  const running = await runRelay({ tools, ...options, env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, LOG_LEVEL: 'silent', ...env } })
  closing.push(() => running.close())
  return { running, collector, headersOfTools }
}

async function connect(running: RunningRelay, path = '/v1/realtime', headers: Record<string, string> = {}): Promise<RealtimeClient> {
  const client = await connectClient(`${running.wsUrl}${path}`, await running.token('alice'), { headers })
  await client.next('session.created')
  return client
}

const of = (span: ExportedSpan | undefined) => span?.attributes ?? {}
const childrenOf = (all: readonly ExportedSpan[], parent: ExportedSpan | undefined) =>
  all.filter(({ parentSpanId }) => parentSpanId !== undefined && parentSpanId === parent?.spanId)
const idsOf = (span: ExportedSpan | undefined) => ({ traceId: span?.traceId, spanId: span?.spanId })
const within = (inner: ExportedSpan, outer: ExportedSpan) => inner.start >= outer.start && inner.end <= outer.end && inner.end >= inner.start

async function speak(client: RealtimeClient): Promise<void> {
  for (const audio of appendable(tone(1000), silence(1000))) {
    client.send({ type: 'input_audio_buffer.append', audio })
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('a session', () => {
  it('has a short span of its connection, and a trace for each turn, linked to it', async () => {
    const { running, collector, headersOfTools } = await start()
    const client = await connect(running, '/v1/realtime', { traceparent: CLIENT_TRACE })
    await client.ask('What is the weather in Lisbon?')
    const [connection] = await collector.spansNamed('realtime connect')
    const [turn] = await collector.spansNamed('realtime turn')
    const inferences = await collector.spansNamed(INFERENCE, 2)
    const [tool] = await collector.spansNamed('execute_tool get_weather')
    client.close()
    if (!connection || !turn || !tool) throw new Error('a span is missing')

    // The client is not trusted, so its trace is a link.
    expect(connection).toMatchObject({ kind: 2, links: [{ traceId: CLIENT_TRACE_ID, spanId: CLIENT_SPAN_ID }] })
    expect(connection.parentSpanId ?? '').toBe('')
    expect(connection.traceId).not.toBe(CLIENT_TRACE_ID)
    expect(of(connection)).toEqual({
      'relay.session.id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'relay.profile': 'default',
      'relay.client.dialect': 'ga',
      'relay.session.resumed': false,
    })
    const [dial] = collector.named('realtime dial')
    expect(childrenOf(collector.spans, connection)).toEqual([dial])
    expect(dial).toMatchObject({ kind: 3 })
    expect(of(dial)).toMatchObject({
      'relay.dial.reason': 'first',
      'relay.upstream': 'azure',
      'gen_ai.provider.name': 'azure.ai.openai',
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(running.simulator.url).port),
    })

    expect(turn.parentSpanId ?? '').toBe('')
    expect(turn.traceId).not.toBe(connection.traceId)
    expect(turn.links).toMatchObject([idsOf(connection)])
    expect(turn.kind).toBe(1)
    expect(of(turn)).toMatchObject({ 'relay.turn.start': 'request', 'relay.turn.end': 'completed', 'relay.turn.first_audio_ms': expect.any(Number) })
    expect(
      childrenOf(collector.spans, turn)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['execute_tool get_weather', INFERENCE, INFERENCE])
    for (const child of childrenOf(collector.spans, turn)) expect([child.name, child.traceId, within(child, turn)]).toEqual([child.name, turn.traceId, true])

    const [called, spoken] = [...inferences].sort((a, b) => a.start - b.start)
    expect([called?.kind, spoken?.kind]).toEqual([3, 3])
    expect(of(called)).toMatchObject({ 'gen_ai.response.finish_reasons': ['tool_call'] })
    expect(of(spoken)).toMatchObject({
      'gen_ai.operation.name': 'realtime_inference',
      'gen_ai.provider.name': 'azure.ai.openai',
      'gen_ai.request.model': DEPLOYMENT,
      'gen_ai.response.id': expect.stringMatching(/^resp_/),
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.realtime_session.id': expect.stringMatching(/^sess_/),
      'gen_ai.output.type': 'speech',
      'gen_ai.usage.input_tokens': expect.any(Number),
      'gen_ai.usage.output_tokens': expect.any(Number),
      'gen_ai.usage.audio.output_tokens': expect.any(Number),
      'gen_ai.usage.text.output_tokens': expect.any(Number),
    })
    expect(spoken?.events).toMatchObject([{ name: 'first_audio' }])
    expect(of(tool)).toMatchObject({
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'get_weather',
      'gen_ai.tool.type': 'function',
      'gen_ai.tool.call.id': expect.stringMatching(/^call_/),
    })
    expect(tool.status?.code ?? 0).toBe(0)

    // What is sent for a span names it, and not the client's.
    expect(headersOfTools.map((headers) => headers.traceparent)).toEqual([`00-${tool.traceId}-${tool.spanId}-01`])
    expect(running.simulator.received.map(({ headers }) => headers.traceparent)).toEqual([`00-${dial?.traceId}-${dial?.spanId}-01`])
  })

  it('is the example of its own times in OpenMetrics: each turn’s of its answer, the connection’s of how it connected', async () => {
    const { running, collector } = await start({}, { METRICS_FORMAT: 'openmetrics' })
    const client = await connect(running, '/v1/realtime', { traceparent: CLIENT_TRACE })
    await client.ask('What is the weather in Lisbon?')
    const [connection] = await collector.spansNamed('realtime connect')
    const [turn] = await collector.spansNamed('realtime turn')
    const text = await (await fetch(`${running.relay.adminUrl}/metrics`)).text()
    client.close()
    const traced = (name: string) => [...new Set([...text.matchAll(new RegExp(`^${name}_bucket\\{.* # \\{trace_id="(\\w+)"\\}`, 'gm'))].map(([, id]) => id))]
    for (const name of ['dial', 'configured']) expect([name, traced(`relay_${name}_seconds`)]).toEqual([name, [connection?.traceId]])
    for (const name of ['first_audio', 'first_token', 'tool', 'turn_tool', 'audio_jitter']) expect([name, traced(`relay_${name}_seconds`)]).toEqual([name, [turn?.traceId]])
    expect(text).not.toContain(CLIENT_TRACE_ID)
  })

  it('shows what was said, and an answer that the user broke into, as two turns', async () => {
    const { running, collector } = await start({ simulator: { speed: 1, heardText: 'tell me a long story about harbours and boats and the sea and the lighthouse and the gulls' } })
    const client = await connect(running)
    await speak(client)
    await client.next('response.output_audio.delta')
    const from = client.events.length
    await speak(client)
    await client.next((event) => event.type === 'response.done' && (event.response as { status: string }).status === 'cancelled', { from: 0 })
    await client.next('response.output_audio.delta', { from })
    const [broken] = await collector.spansNamed('realtime turn')
    client.close()
    await client.closed()
    const [, second] = await collector.spansNamed('realtime turn', 2)
    const inferences = await collector.spansNamed(INFERENCE)
    if (!broken || !second) throw new Error('a turn is missing')
    const [speech, ...answers] = childrenOf(collector.spans, broken).sort((a, b) => a.start - b.start)
    expect([speech?.name, speech?.kind, answers.map(({ name }) => name)]).toEqual(['user_speech', 1, [INFERENCE]])
    expect(of(broken)).toMatchObject({ 'relay.turn.start': 'speech', 'relay.turn.end': 'interrupted', 'relay.turn.first_audio_ms': expect.any(Number) })
    expect(of(answers[0])).toMatchObject({ 'gen_ai.response.finish_reasons': ['turn_detected'] })
    expect(of(answers[0])).not.toHaveProperty('error.type')
    expect(childrenOf(collector.spans, second).map(({ name }) => name)).toContain('user_speech')
    expect(second.traceId).not.toBe(broken.traceId)
    // The client left in the midst of the second.
    expect(of(second)).toMatchObject({ 'relay.turn.end': 'abandoned' })
    expect(inferences.length).toBeGreaterThanOrEqual(1)
  })

  it('shows a lost upstream in the turn that it broke: the restore, its dials, and the answer that failed', async () => {
    const { running, collector } = await start({ simulator: { control: {} } })
    const client = await connect(running)
    running.simulator.setFaults({ end: { how: 'rst', at: 'event', type: 'response.output_audio.delta', nth: 3, times: 1 } })
    const from = client.events.length
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Tell me of the sea' }] } })
    client.send({ type: 'response.create' })
    await client.next((event) => event.type === 'response.done' && (event.response as { status: string }).status === 'completed', { from })
    const [restore] = await collector.spansNamed('realtime restore')
    client.close()
    await client.closed()
    const [turn] = await collector.spansNamed('realtime turn')
    if (!restore || !turn) throw new Error('a span is missing')
    expect(restore).toMatchObject({ parentSpanId: turn.spanId, traceId: turn.traceId, kind: 1 })
    expect(of(restore)).toMatchObject({ 'relay.restore.cause': 'closed', 'relay.restore.during': 'answer', 'relay.restore.cut': expect.any(String), 'relay.restore.attempts': 1 })
    const dials = childrenOf(collector.spans, restore)
    expect(dials.map((dial) => [dial.name, of(dial)['relay.dial.reason']])).toEqual([['realtime dial', 'lost']])
    const answers = childrenOf(collector.spans, turn).filter(({ name }) => name.startsWith('realtime_inference'))
    expect(answers.map((answer) => [of(answer)['error.type'], answer.status?.code ?? 0])).toContainEqual(['upstream_lost', 2])
    expect(of(turn)).toMatchObject({ 'relay.turn.end': 'completed' })
  })

  it('is one trace without a long span, if the layout says so; a client that is trusted is its parent', async () => {
    const { running, collector } = await start({}, { TRACE_LAYOUT: 'session', TRACE_TRUST_CLIENT: 'true' })
    const client = await connect(running, `/v1/realtime?traceparent=${CLIENT_TRACE}`)
    await client.ask('Hello')
    await client.ask('And again')
    const turns = await collector.spansNamed('realtime turn', 2)
    const [connection] = collector.named('realtime connect')
    client.close()
    expect(connection).toMatchObject({ traceId: CLIENT_TRACE_ID, parentSpanId: CLIENT_SPAN_ID })
    expect(turns.map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual(turns.map(() => [CLIENT_TRACE_ID, connection?.spanId]))
    expect(turns.every(({ start }) => start >= (connection?.end ?? Number.POSITIVE_INFINITY))).toBe(true)
  })

  it('that is not sampled has no span, and passes on what the client sent', async () => {
    const { running, collector, headersOfTools } = await start({}, { TRACE_SAMPLE_RATIO: '0', ...EXPORT_NOW })
    const client = await connect(running, '/v1/realtime', { traceparent: CLIENT_TRACE })
    await client.ask('What is the weather in Lisbon?')
    await vi.waitFor(() => expect(collector.metrics.length).toBeGreaterThan(0), { timeout: 5000 })
    client.close()
    expect(headersOfTools.map((headers) => headers.traceparent)).toEqual([CLIENT_TRACE])
    await running.relay.drain()
    expect(collector.spans).toEqual([])
  })

  it('is sampled as its client says only if that is trusted', async () => {
    const { running, collector } = await start({}, { TRACE_TRUST_CLIENT: 'true' })
    const unsampled = await connect(running, '/v1/realtime', { traceparent: CLIENT_TRACE.replace(/01$/, '00') })
    const sampled = await connect(running, '/v1/realtime', { traceparent: CLIENT_TRACE })
    await collector.spansNamed('realtime connect')
    for (const client of [unsampled, sampled]) {
      client.close()
      await client.closed()
    }
    await running.relay.drain()
    expect(collector.named('realtime connect').length).toBe(1)
  })

  it('that no upstream takes ends its connection with the reason', async () => {
    const { running, collector } = await start({ simulator: { faults: { refuse: { status: 401 } } } })
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token())
    await client.closed()
    const [connection] = await collector.spansNamed('realtime connect')
    expect([of(connection)['error.type'], connection?.status?.code]).toEqual(['upstream_refused', 2])
    expect(of((await collector.spansNamed('realtime dial'))[0])['error.type']).toBe('upstream_refused')
  })
})

describe('what is exported', () => {
  it('has no words, arguments, results, credentials or names of users', async () => {
    const { running, collector } = await start({}, { LOG_LEVEL: 'debug', ...EXPORT_NOW })
    const client = await connect(running)
    await client.ask('What is the weather in Lisbon?')
    await collector.spansNamed('realtime turn')
    client.close()
    await client.closed()
    await running.relay.drain()
    const paths = new Set(collector.requests.map(({ path }) => path))
    expect([...paths].sort()).toEqual(['/v1/logs', '/v1/metrics', '/v1/traces'])
    const all = Buffer.concat(collector.requests.map(({ body }) => body)).toString('latin1')
    for (const secret of ['Lisbon', 'sunny', INSTRUCTIONS, API_KEY, SECRET, 'alice', 'eyJ']) expect([secret, all.includes(secret)]).toEqual([secret, false])
  })

  it('names the service, its version and this process, and carries the headers that are set', async () => {
    const { running, collector } = await start(
      {},
      {
        OTEL_SERVICE_NAME: 'calls',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
        OTEL_EXPORTER_OTLP_HEADERS: 'api-key=for-the-collector',
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      },
    )
    const client = await connect(running)
    await collector.spansNamed('realtime connect')
    client.close()
    expect(collector.resources[0]).toMatchObject({ 'service.name': 'calls', 'service.version': expect.stringMatching(/^\d/), 'deployment.environment.name': 'test' })
    expect(collector.resources[0]?.['service.instance.id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(collector.requests[0]?.headers).toMatchObject({ 'api-key': 'for-the-collector', 'content-encoding': 'gzip', 'content-type': 'application/x-protobuf' })
  })

  it('are the metrics of /metrics, under their names', async () => {
    const { running, collector } = await start({}, EXPORT_NOW)
    const client = await connect(running)
    await client.ask('Hello')
    const value = () => collector.metrics.filter(({ name }) => name === 'relay_responses_total').at(-1)?.sum
    await vi.waitFor(() => expect(value()?.points?.filter(({ asDouble }) => asDouble !== 0)).toMatchObject([{ attributes: { status: 'completed' }, asDouble: 1 }]), {
      timeout: 5000,
    })
    expect(value()).toMatchObject({ isMonotonic: true, temporality: 2 })
    const text = await (await fetch(`${running.relay.adminUrl}/metrics`)).text()
    const named = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name as string)
    const exported = new Set(collector.metrics.map(({ name }) => name))
    expect(named.filter((name) => !exported.has(name))).toEqual([])
    const configured = collector.metrics.findLast(({ name }) => name === 'relay_configured_seconds')?.histogram?.points?.[0]
    expect(configured?.count).toBe(1)
    expect(configured?.bucketCounts.reduce((sum, count) => sum + count, 0)).toBe(1)
    expect(configured?.bucketCounts.length).toBe((configured?.bounds.length ?? 0) + 1)
    client.close()
  })

  it('are the lines of the log, redacted as on standard output', async () => {
    const { running, collector } = await start({}, { LOG_LEVEL: 'info' })
    const client = await connect(running, '/v1/realtime?api-key=canary-in-the-query')
    client.close()
    await client.closed()
    await vi.waitFor(() => expect(collector.records.map(({ body }) => body.stringValue)).toContain('session_closed'), { timeout: 5000 })
    const opened = collector.records.find(({ body }) => body.stringValue === 'session_opened')
    expect(opened).toMatchObject({ severity: 9, severityText: 'info', attributes: { profile: 'default', 'relay.session.id': expect.any(String) } })
    expect(Math.abs((opened?.at ?? 0) / 1e6 - Date.now())).toBeLessThan(60_000)
    expect(JSON.stringify(collector.records)).not.toContain('canary')
  })
})

describe('a collector', () => {
  const turnMs = async (client: RealtimeClient): Promise<number> => {
    const began = performance.now()
    expect((await client.ask('Hello')).at(-1)).toMatchObject({ response: { status: 'completed' } })
    return performance.now() - began
  }
  const gauge = async (running: RunningRelay, name: string) =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(await (await fetch(`${running.relay.adminUrl}/metrics`)).text())?.[1])

  it.each<[string, (collector: OtlpReceiver) => void | Promise<void>]>([
    ['that is away', (collector) => collector.close()],
    ['that never answers', (collector) => collector.turns('silent')],
    ['that answers without an end', (collector) => collector.turns('dripping')],
    ['that refuses', (collector) => collector.turns({ refuses: 400 })],
    ['that is overloaded', (collector) => collector.turns({ refuses: 503 })],
  ])('%s is noticed by no session, and what is lost is counted', async (_what, spoil) => {
    const { running, collector } = await start({}, { OTEL_EXPORTER_OTLP_TIMEOUT: '300' })
    await spoil(collector)
    const client = await connect(running)
    for (let n = 0; n < 3; n++) expect(await turnMs(client)).toBeLessThan(2000)
    await vi.waitFor(async () => expect(await gauge(running, 'relay_spans_lost')).toBeGreaterThan(3), { timeout: 10_000, interval: 50 })
    expect(await turnMs(client)).toBeLessThan(2000)
    client.close()
    await client.closed()
    const began = performance.now()
    await running.relay.drain()
    // Two seconds at most for what waits, and half a one for the sockets of the listeners.
    expect(performance.now() - began).toBeLessThan(4000)
    expect(collector.spans).toEqual([])
  })

  it('that comes back gets what is new', async () => {
    const { running, collector } = await start({}, { OTEL_EXPORTER_OTLP_TIMEOUT: '300' })
    collector.turns({ refuses: 400 })
    const client = await connect(running)
    await vi.waitFor(async () => expect(await gauge(running, 'relay_spans_lost')).toBeGreaterThan(0), { timeout: 10_000, interval: 50 })
    collector.turns('takes')
    await client.ask('Hello')
    await collector.spansNamed('realtime turn')
    expect(collector.named('realtime connect')).toEqual([])
    client.close()
  })

  it('that is well gets what waits when the relay drains', async () => {
    const { running, collector } = await start()
    const client = await connect(running)
    await client.ask('Hello')
    await running.relay.drain()
    expect(collector.spans.map(({ name }) => name).sort()).toEqual(['realtime connect', 'realtime dial', 'realtime turn', INFERENCE])
  })
})
