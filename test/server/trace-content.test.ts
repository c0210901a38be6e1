// With the conventions' own variable spans hold what was said; without it nothing that leaves the relay does. A receiver of the official protocol reads both.
import { afterEach, expect, it } from 'vitest'
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { API_KEY, DEPLOYMENT, INSTRUCTIONS, type RunningOptions, type RunningRelay, runRelay, SECRET } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'

const CAPTURE = 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT'
const INFERENCE = `realtime_inference ${DEPLOYMENT}`

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(env: Record<string, string>, options: RunningOptions = {}): Promise<{ running: RunningRelay; collector: OtlpReceiver; client: RealtimeClient }> {
  const collector = await startOtlpReceiver()
  closing.push(() => collector.close())
  const running = await runRelay({ ...options, env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_METRIC_EXPORT_INTERVAL: '200', LOG_LEVEL: 'debug', ...env } })
  closing.push(() => running.close())
  const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('alice'))
  await client.next('session.created')
  return { running, collector, client }
}

async function askAndDrain({ running, collector, client }: Awaited<ReturnType<typeof start>>): Promise<readonly string[]> {
  await client.ask('What is the weather in Lisbon?')
  await collector.spansNamed('realtime turn')
  client.close()
  await client.closed()
  await running.relay.drain()
  return collector.requests.map(({ body }) => body.toString('utf8'))
}

it.each([{}, { [CAPTURE]: 'no_content' }, { [CAPTURE]: 'false' }])('off by default, %j: no span, metric or line has a word', async (env) => {
  const exports = await askAndDrain(await start(env as Record<string, string>))
  for (const word of ['Lisbon', 'sunny', 'input.messages', 'output.messages', 'call.arguments', 'call.result'])
    expect([word, exports.some((body) => body.includes(word))]).toEqual([word, false])
})

it.each(['SPAN_ONLY', 'true'])('on (%s): the question, the call, its result and the answer, on spans alone; no instructions, no names', async (value) => {
  const session = await start({ [CAPTURE]: value })
  const exports = await askAndDrain(session)
  const { collector } = session
  const attribute = (name: string, key: string) => collector.named(name).map(({ attributes = {} }) => attributes[key] && JSON.parse(String(attributes[key])))
  const asked = [{ role: 'user', parts: [{ type: 'text', content: 'What is the weather in Lisbon?' }] }]
  const [call, answer] = [...collector.named(INFERENCE)].sort((a, b) => a.start - b.start)
  const tool = collector.named('execute_tool get_weather')[0]?.attributes ?? {}
  const callId = tool['gen_ai.tool.call.id']
  const of = (span: typeof call, key: string) => JSON.parse(String(span?.attributes?.[key]))
  expect(of(call, 'gen_ai.input.messages')).toEqual(asked)
  expect(of(call, 'gen_ai.output.messages')).toEqual([
    { role: 'assistant', parts: [{ type: 'tool_call', id: callId, name: 'get_weather', arguments: expect.objectContaining({ city: 'Lisbon' }) }], finish_reason: 'tool_call' },
  ])
  expect(JSON.parse(String(tool['gen_ai.tool.call.arguments']))).toMatchObject({ city: 'Lisbon' })
  expect(tool['gen_ai.tool.call.result']).toContain('sunny in Lisbon')
  expect(of(answer, 'gen_ai.input.messages')).toEqual([{ role: 'tool', parts: [{ type: 'tool_call_response', id: callId, response: expect.stringContaining('sunny') }] }])
  expect(of(answer, 'gen_ai.output.messages')).toEqual([{ role: 'assistant', parts: [{ type: 'text', content: expect.stringContaining('sunny') }], finish_reason: 'stop' }])
  expect(attribute('realtime turn', 'gen_ai.input.messages')).toEqual([asked])
  expect(attribute('realtime turn', 'gen_ai.output.messages')).toEqual([of(answer, 'gen_ai.output.messages')])
  for (const path of ['/v1/logs', '/v1/metrics']) {
    const bodies = collector.requests.filter((request) => request.path === path).map(({ body }) => body.toString('utf8'))
    expect([path, bodies.length > 0, bodies.some((body) => /Lisbon|sunny/.test(body))]).toEqual([path, true, false])
  }
  for (const secret of [INSTRUCTIONS, API_KEY, SECRET, 'alice', 'eyJ']) expect([secret, exports.some((body) => body.includes(secret))]).toEqual([secret, false])
})

it('of a spoken turn the transcript is there, and never the sound', async () => {
  const heard = 'tell me about the harbour of Bergen'
  const env = { [CAPTURE]: 'span_only', SESSION: JSON.stringify({ audio: { input: { transcription: { model: 'whisper-1' } } } }) }
  const { running, collector, client } = await start(env, { simulator: { heardText: heard } })
  const speech = appendable(tone(1000), silence(1000))
  for (const audio of speech) client.send({ type: 'input_audio_buffer.append', audio })
  await client.next('response.done')
  const [turn] = await collector.spansNamed('realtime turn')
  client.close()
  await client.closed()
  await running.relay.drain()
  expect(JSON.parse(String(turn?.attributes?.['gen_ai.input.messages']))).toEqual([{ role: 'user', parts: [{ type: 'text', content: heard }] }])
  const transcript = client.events.filter(({ type }) => type === 'response.output_audio_transcript.done').map(({ transcript }) => transcript)
  expect(JSON.parse(String(turn?.attributes?.['gen_ai.output.messages']))[0].parts.map(({ content }: { content: string }) => content)).toEqual(transcript)
  const delta = String(client.events.find(({ type }) => type === 'response.output_audio.delta')?.delta).slice(0, 24)
  for (const { body } of collector.requests) expect(body.includes(delta)).toBe(false)
})

it('a lost upstream that is told the conversation again does not say it twice', async () => {
  const { running, collector, client } = await start({ [CAPTURE]: 'SPAN_ONLY' }, { simulator: { control: {} } })
  await client.ask('My boat is called Albatross')
  running.simulator.setFaults({ end: { how: 'rst', at: 'now', times: 1 } })
  await collector.spansNamed('realtime restore')
  running.simulator.setFaults({})
  await client.ask('What is it called?')
  const turns = await collector.spansNamed('realtime turn', 2)
  client.close()
  expect(running.simulator.received.length).toBe(2)
  const asked = turns.map(({ attributes = {} }) => JSON.parse(String(attributes['gen_ai.input.messages'])).map(({ parts }: { parts: [{ content: string }] }) => parts[0].content))
  expect(asked).toEqual([['My boat is called Albatross'], ['What is it called?']])
})

it('without the sample there is no content either', async () => {
  const exports = await (async () => {
    const { running, collector, client } = await start({ [CAPTURE]: 'SPAN_ONLY', TRACE_SAMPLE_RATIO: '0' })
    await client.ask('What is the weather in Lisbon?')
    client.close()
    await client.closed()
    await running.relay.drain()
    return collector.requests
  })()
  expect(exports.some(({ path }) => path === '/v1/traces')).toBe(false)
  expect(exports.some(({ body }) => body.includes('Lisbon'))).toBe(false)
})
