// A caller with a microphone: speaks in real time, and holds the session until told.
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { connectClient, type RealtimeClient } from '../../support/realtime-client.js'
import { appendable, silence, tone } from '../../support/speech.js'

export interface SpokenTurn {
  /** Milliseconds of sound that the caller sent and heard. */
  readonly spokenMs: number
  readonly heardMs: number
}

const PART_MS = 100
const BYTES_PER_MS = 48

export async function caller(url: string, token: string): Promise<RealtimeClient> {
  const client = await connectClient(`${url.replace('http', 'ws')}/v1/realtime`, token)
  await client.next('session.created')
  return client
}

/** Says something that voice detection hears, waits for the spoken answer and its end. */
export async function spokenTurn(client: RealtimeClient): Promise<SpokenTurn> {
  const from = client.events.length
  const parts = appendable(silence(300), tone(900), silence(900))
  for (const audio of parts) {
    client.send({ type: 'input_audio_buffer.append', audio })
    // A microphone gives no sound before its time.
    await wait(PART_MS)
  }
  await client.next('input_audio_buffer.speech_stopped', { from })
  const done = await client.next('response.done', { from, ms: 30_000 })
  assert.equal((done.response as { status: string }).status, 'completed')
  const heard = client.events.slice(from).filter(({ type }) => type === 'response.output_audio.delta')
  const bytes = heard.reduce((sum, { delta }) => sum + Buffer.from(delta as string, 'base64').length, 0)
  return { spokenMs: parts.length * PART_MS, heardMs: Math.round(bytes / BYTES_PER_MS) }
}
