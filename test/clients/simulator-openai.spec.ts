// openai 7 straight at the simulator: the GA class on both services' paths, and the preview class, over TLS since the library dials nothing else.
import { AzureOpenAI, OpenAI } from 'openai-7'
import { OpenAIRealtimeWS as PreviewWS } from 'openai-7/beta/realtime/ws'
import { OpenAIRealtimeWS } from 'openai-7/realtime/ws'
import { afterEach, describe, expect, it } from 'vitest'
import { type Direct, type DirectTalker, fiveTurns, KEY, missingVoice, openDirect, WEATHER, weatherIn } from './support/direct.js'
import { base64Bytes, pieces, toBase64 } from './support/speech.js'
import type { OwnCall } from './support/turns.js'

interface Told {
  readonly type: string
  readonly [key: string]: unknown
}
/** What both classes have: each is typed for the events of its own API. */
interface EitherClass {
  send(event: Told): void
  on(name: 'event', listener: (event: Told) => void): unknown
  on(name: 'error', listener: (error: Error) => void): unknown
}

const GA_SESSION = {
  type: 'realtime',
  output_modalities: ['audio'],
  audio: { input: { transcription: { model: 'whisper-1' }, turn_detection: { type: 'server_vad' } } },
  tools: [{ type: 'function', ...WEATHER }],
}
const PREVIEW_SESSION = {
  modalities: ['text', 'audio'],
  input_audio_transcription: { model: 'whisper-1' },
  turn_detection: { type: 'server_vad' },
  tools: [{ type: 'function', ...WEATHER }],
}

/** An app of either class: only the session's spelling and the names of deltas differ. */
async function talk(client: OpenAIRealtimeWS | PreviewWS, session: object): Promise<DirectTalker> {
  const either = client as unknown as EitherClass
  const send = (event: Told) => either.send(event)
  let failed: (error: Error) => void = () => {}
  const listeners = new Set<(event: Told) => void>()
  either.on('error', (error) => failed(error))
  either.on('event', (event) => {
    for (const listener of listeners) listener(event)
  })
  /** Resolves with the first event for which `look` is true. */
  const until = (look: (event: Told) => boolean) =>
    new Promise<Told>((resolve, reject) => {
      failed = reject
      const listener = (event: Told) => {
        if (!look(event)) return
        listeners.delete(listener)
        resolve(event)
      }
      listeners.add(listener)
    })
  const answer = async (status = 'completed') => {
    let text = ''
    let audioBytes = 0
    const done = await until((event) => {
      if (/^response\.(output_)?audio\.delta$/.test(event.type)) audioBytes += base64Bytes(String(event.delta))
      if (/^response\.(output_)?audio_transcript\.delta$/.test(event.type)) text += event.delta
      return event.type === 'response.done'
    })
    const response = done.response as { status: string; output: readonly { type: string; name: string; arguments: string; call_id: string }[] }
    expect(response.status).toBe(status)
    return { text, audioBytes, response }
  }
  const say = (text: string) => {
    send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
    send({ type: 'response.create' })
  }
  const ask = (text: string) => {
    const done = answer()
    say(text)
    return done
  }
  const microphone = (pcm: Uint8Array) => {
    for (const piece of pieces(pcm)) send({ type: 'input_audio_buffer.append', audio: toBase64(piece) })
  }
  await until((event) => event.type === 'session.created')
  send({ type: 'session.update', session })
  await until((event) => event.type === 'session.updated')
  return {
    ask,
    async speak(pcm) {
      const heard = until((event) => event.type === 'conversation.item.input_audio_transcription.completed')
      const done = answer()
      microphone(pcm)
      return { ...(await done), heard: String((await heard).transcript) }
    },
    async call(text) {
      const { response } = await ask(text)
      const called: OwnCall[] = []
      for (const item of response.output) {
        if (item.type !== 'function_call') continue
        called.push(item)
        send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: item.call_id, output: weatherIn(JSON.parse(item.arguments).city) } })
      }
      const done = answer()
      send({ type: 'response.create' })
      return { ...(await done), called }
    },
    async interrupt(text, pcm) {
      const speaking = until((event) => /^response\.(output_)?audio\.delta$/.test(event.type))
      const cut = answer('cancelled')
      say(text)
      const { item_id, content_index } = await speaking
      const started = until((event) => event.type === 'input_audio_buffer.speech_started')
      microphone(pcm)
      await started
      send({ type: 'conversation.item.truncate', item_id, content_index, audio_end_ms: 100 })
      const next = cut.then(() => answer())
      await until((event) => event.type === 'conversation.item.truncated')
      return next
    },
    async close() {
      const closed = new Promise<{ code: number }>((resolve) => client.socket.addEventListener('close', resolve))
      client.close()
      expect((await closed).code).toBe(1000)
    },
  }
}

const azure = (host: string) => new AzureOpenAI({ endpoint: `https://${host}`, apiKey: KEY, apiVersion: '2025-04-01-preview', deployment: 'voice' })

describe.skipIf(missingVoice.length > 0)(`openai 7 and the simulator${missingVoice.map((name) => ` (${name} is missing)`)}`, () => {
  let direct: Direct
  afterEach(() => direct?.close())

  it('OpenAIRealtimeWS on OpenAI', async () => {
    direct = await openDirect({ wss: true, style: 'openai' })
    const client = new OpenAIRealtimeWS({ model: 'gpt-realtime' }, new OpenAI({ baseURL: `https://${direct.host}/v1`, apiKey: KEY }))
    await fiveTurns(direct, await talk(client, GA_SESSION), '/v1/realtime?model=gpt-realtime')
  })

  it('OpenAIRealtimeWS.azure', async () => {
    direct = await openDirect({ wss: true })
    const client = await OpenAIRealtimeWS.azure(azure(direct.host))
    await fiveTurns(direct, await talk(client, GA_SESSION), '/openai/v1/realtime?model=voice')
  })

  it('OpenAIRealtimeWS.azure with a model that remarks before a call', async () => {
    direct = await openDirect({ wss: true, model: 'gpt-realtime-2.1' })
    const client = await OpenAIRealtimeWS.azure(azure(direct.host))
    await fiveTurns(direct, await talk(client, GA_SESSION), '/openai/v1/realtime?model=voice')
  })

  it('the beta class with .azure, on the preview path', async () => {
    direct = await openDirect({ wss: true })
    const client = await PreviewWS.azure(azure(direct.host))
    await fiveTurns(direct, await talk(client, PREVIEW_SESSION), '/openai/realtime?api-version=2025-04-01-preview&deployment=voice')
  })
})
