// The playback itself: sessions of the simulator's own, recorded here, replay to it in full, also of kinds of which no recording of a service exists.
import { describe, expect, it } from 'vitest'
import type { RealtimeEvent } from '../../src/core/protocol/events.js'
import { type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.js'
import { appends, type Client, connect, GA_PATH, tone, update, userText } from './client.js'
import type { Line } from './playback.js'
import { recordingOf } from './recorded.js'
import { replay } from './recording-results.js'

const PREVIEW_PATH = '/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-realtime'

/** What passes while `drive` uses a client, and how much of it comes again when it is replayed. */
async function replayed(file: string, options: SimulatorOptions, path: string, drive: (client: Client) => Promise<unknown>) {
  const simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY, ...options })
  const lines: Line[] = []
  try {
    const client = await connect(simulator, path)
    // The opening may have come before anybody could listen.
    lines.push({ from: 'server', event: await client.next('session.created') })
    client.socket.on('message', (data) => lines.push({ from: 'server', event: JSON.parse(String(data)) as RealtimeEvent }))
    const send = (event: object) => {
      lines.push({ from: 'client', event: event as RealtimeEvent })
      client.send(event)
    }
    await drive({ ...client, send })
  } finally {
    await simulator.close()
  }
  const { recording, match } = await replay(recordingOf(file, lines.map((line) => JSON.stringify(line)).join('\n')))
  return { kind: recording.kind, share: match.share, missing: match.missing, extra: match.extra, shapes: match.shapes }
}
const whole = (kind: string) => ({ kind, share: 1, missing: [], extra: [], shapes: [] })

describe('a session of the simulator replays to it in full', () => {
  it('in preview', async () => {
    const result = await replayed('azure-preview/text.jsonl', {}, PREVIEW_PATH, async (client) => {
      client.send({ type: 'session.update', session: { modalities: ['text'], temperature: 0.7 } })
      client.send(userText('Good morning.'))
      client.send({ type: 'response.create' })
      await client.next('response.done')
    })
    expect(result).toEqual(whole('preview'))
  })

  it('with a turn that the client commits, and what it asks of items', async () => {
    const result = await replayed('azure-ga/manual.jsonl', { heardText: 'What now?' }, GA_PATH, async (client) => {
      client.send(update({ output_modalities: ['text'], audio: { input: { turn_detection: null, transcription: { model: 'whisper-1' } } } }))
      await client.next('session.updated')
      for (const event of appends(tone(500))) client.send(event)
      client.send({ type: 'input_audio_buffer.commit' })
      await client.next('conversation.item.input_audio_transcription.completed')
      client.send({ type: 'response.create' })
      const done = await client.next('response.done')
      const { id } = (done.response as { output: [{ id: string }] }).output[0]
      client.send({ type: 'conversation.item.truncate', item_id: id, content_index: 0, audio_end_ms: 5 })
      await client.next('error')
      client.send({ type: 'conversation.item.retrieve', item_id: id })
      await client.next('conversation.item.retrieved')
      client.send({ type: 'conversation.item.delete', item_id: id })
      await client.next('conversation.item.deleted')
    })
    expect(result).toEqual(whole('GA Azure'))
  })

  it('with a transcription that fails', async () => {
    const result = await replayed('azure-ga/failed.jsonl', { transcriptionDeployments: [] }, GA_PATH, async (client) => {
      client.send(update({ output_modalities: ['text'], audio: { input: { transcription: { model: 'absent' }, turn_detection: null } } }))
      await client.next('session.updated')
      for (const event of appends(tone(500))) client.send(event)
      client.send({ type: 'input_audio_buffer.commit' })
      await client.next('conversation.item.input_audio_transcription.failed')
    })
    expect(result).toEqual(whole('GA Azure'))
  })

  it('with an answer that the client cancels, and one that speech interrupts', async () => {
    const result = await replayed('azure-ga/interrupted.jsonl', { speed: 1 }, GA_PATH, async (client) => {
      const ask = async () => {
        client.send(userText('Tell me everything that you know about the history of the tea trade, from the beginning.'))
        client.send({ type: 'response.create' })
        await client.next('response.output_audio.delta')
      }
      await ask()
      client.send({ type: 'response.cancel' })
      await client.next('response.done')
      await ask()
      for (const event of appends(Buffer.concat([tone(200, 0), tone(500), tone(500, 0)]))) client.send(event)
      await client.next('conversation.item.done')
      // The answer to what interrupted it, in full.
      await client.next((event) => event.type === 'response.done' && JSON.stringify(event).includes('"completed"'))
    })
    expect(result).toEqual(whole('GA Azure'))
  })

  it('up to where the simulator does not go on', async () => {
    const lines = [
      { from: 'server', event: { type: 'session.created', session: { model: 'gpt-realtime', output_modalities: [] } } },
      // OpenAI ends a session for the beta's shape.
      { from: 'client', event: { type: 'session.update', session: { modalities: ['text'] } } },
      { from: 'server', event: { type: 'session.updated' } },
      { from: 'client', event: { type: 'response.create' } },
      { from: 'server', event: { type: 'response.created' } },
    ]
    const { match, simulated } = await replay(recordingOf('openai-ga/other.jsonl', lines.map((line) => JSON.stringify(line)).join('\n')))
    expect(simulated.map(({ type }) => type)).toEqual(['session.created', 'error'])
    expect(match.missing).toEqual(expect.arrayContaining(['session.updated', 'response.created']))
  })
})
