// The whole relay's word about how long users wait, against a simulated service whose delays are known: each value lies in the bucket it belongs to.
import { afterEach, describe, expect, it } from 'vitest'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'

let running: RunningRelay | undefined
afterEach(async () => {
  await running?.close()
  running = undefined
})

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
/** At the lower ends of the buckets to 1 and to 2.5 seconds, and of a tool of that to 1.3: a busy machine adds some tenths. */
const [FAST_MS, SLOW_MS, TOOL_MS] = [820, 1720, 1010]

/** In order: `hello` is answered soon, `slowly` late, `weather` with a tool. */
const SCRIPT = {
  hears: ['hello', 'slowly', 'weather'],
  answers: [
    { on: { result: 'get_weather' }, reply: [{ wait: FAST_MS }, { say: 'It is sunny.' }] },
    { on: { says: 'weather' }, reply: [{ call: { name: 'get_weather', arguments: { city: 'Bergen' } } }] },
    { on: { says: 'slowly' }, reply: [{ wait: SLOW_MS }, { say: 'Here I am.' }] },
    { on: { says: 'hello' }, reply: [{ wait: FAST_MS }, { say: 'Good morning to you.' }] },
  ],
}

async function say(client: RealtimeClient): Promise<void> {
  const from = client.events.length
  for (const audio of appendable(tone(600), silence(900))) client.send({ type: 'input_audio_buffer.append', audio })
  await client.next('response.done', { from })
}

/** Of one histogram, summed over other labels: how many values lie in the bucket that ends at `le`, and how many there are. */
function bucket(text: string, name: string, le: string, labels: Record<string, string> = {}): { readonly inIt: number; readonly all: number } {
  const lines = [...text.matchAll(new RegExp(`^${name}_bucket\\{([^}]*)\\} (\\d+)`, 'gm'))].filter(([, found]) =>
    Object.entries(labels).every(([label, value]) => found?.includes(`${label}="${value}"`)),
  )
  const at = (bound: string) => lines.filter(([, found]) => found?.includes(`le="${bound}"`)).reduce((sum, [, , count]) => sum + Number(count), 0)
  const bounds = [...new Set(lines.map(([, found]) => /le="([^"]+)"/.exec(found ?? '')?.[1] ?? ''))]
  const before = bounds[bounds.indexOf(le) - 1]
  return { inIt: at(le) - (before === undefined ? 0 : at(before)), all: at('+Inf') }
}

describe('a relay in front of a service that takes its time', () => {
  it('tells first words and audio, transcripts, tools and interruptions', async () => {
    running = await runRelay({
      simulator: { script: SCRIPT },
      env: { SESSION: JSON.stringify({ audio: { input: { transcription: { model: 'whisper-1' } } } }), METRICS_FORMAT: 'openmetrics' },
      toolAnswer: async () => {
        await new Promise((resolve) => setTimeout(resolve, TOOL_MS))
        return { status: 200, body: 'sunny' }
      },
    })
    const metrics = async () => (await fetch(`${running?.relay.adminUrl}/metrics`)).text()
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token(), { headers: { traceparent: TRACE } })
    await client.next('session.created')
    for (let n = 0; n < 3; n++) await say(client)
    await client.ask('hello')
    const text = await metrics()
    expect(bucket(text, 'relay_first_audio_seconds', '1', { turn: 'spoken', tools: 'no' })).toEqual({ inIt: 1, all: 2 })
    expect(bucket(text, 'relay_first_audio_seconds', '2.5', { turn: 'spoken', tools: 'no' })).toEqual({ inIt: 1, all: 2 })
    expect(bucket(text, 'relay_first_audio_seconds', '1', { turn: 'typed', tools: 'no', profile: 'default', upstream: 'azure' })).toEqual({ inIt: 1, all: 1 })
    // The tool and the answer.
    expect(bucket(text, 'relay_first_audio_seconds', '2.5', { turn: 'spoken', tools: 'yes' })).toEqual({ inIt: 1, all: 1 })
    expect(bucket(text, 'relay_first_token_seconds', '2.5', { turn: 'spoken' })).toEqual({ inIt: 2, all: 3 })
    expect(bucket(text, 'relay_turn_tool_seconds', '1.3')).toEqual({ inIt: 1, all: 1 })
    expect(bucket(text, 'relay_transcription_seconds', '0.1').all).toBe(3)
    expect(text).toContain('relay_turns_total{end="completed"} 4\n')
    expect(text).toContain('# {trace_id="0af7651916cd43dd8448eb211c80319c"} 1.7')
    for (const name of ['dial', 'configured', 'transcription', 'tool', 'turn_tool', 'audio_jitter'])
      expect(text).toMatch(new RegExp(`^relay_${name}_seconds_bucket\\{.* # \\{trace_id="0af7651916cd43dd8448eb211c80319c"\\}`, 'm'))
    expect(bucket(text, 'relay_dial_seconds', '0.01', { upstream: 'azure' }).all).toBe(1)
    expect(bucket(text, 'relay_configured_seconds', '0.01').all).toBe(1)
    client.close()
  }, 30_000)

  it('times an interruption, and what of the answer was not played', async () => {
    running = await runRelay({ simulator: { speed: 1 } })
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token())
    await client.next('session.created')
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Tell me a long story.' }] } })
    client.send({ type: 'response.create' })
    const { item_id } = await client.next('response.output_audio.delta')
    const from = client.events.length
    for (const audio of appendable(tone(400))) client.send({ type: 'input_audio_buffer.append', audio })
    await client.next('response.done', { from })
    client.send({ type: 'conversation.item.truncate', item_id, content_index: 0, audio_end_ms: 10 })
    await client.next('conversation.item.truncated', { from })
    const text = await (await fetch(`${running.relay.adminUrl}/metrics`)).text()
    expect(text).toContain('relay_turns_total{end="interrupted"} 1\n')
    for (const step of ['cancelled', 'truncated']) expect(bucket(text, 'relay_barge_in_seconds', '+Inf', { step }).all).toBe(1)
    expect(bucket(text, 'relay_audio_ahead_seconds', '+Inf').all).toBe(1)
    client.close()
  }, 30_000)
})
