// A conversation through the preview classes of openai 4 to 7 (`openai/beta/realtime`), which are alike, in Node and in a page.

import { AzureOpenAI } from 'openai-5'
import { OpenAIRealtimeWebSocket } from 'openai-5/beta/realtime/websocket'
import type { OpenAIRealtimeWebSocket as NewestWebSocket } from 'openai-7/beta/realtime/websocket'
import type { OpenAIRealtimeWS as NewestWS } from 'openai-7/beta/realtime/ws'
import type { RealtimeServerEvent } from 'openai-7/resources/beta/realtime/realtime'
import { base64Bytes, pieces, RATE, spokenPcm, toBase64 } from './support/speech.js'
import type { OwnCall, Talker } from './support/turns.js'

type EventOf<T> = Extract<RealtimeServerEvent, { type: T }>

/** Azure from a page: the class of openai 5 puts the token into the query. */
export async function connect(host: string, token: string): Promise<Talker> {
  const azure = new AzureOpenAI({ endpoint: `https://${host}`, apiKey: token, apiVersion: '2024-10-01-preview', deployment: 'voice', dangerouslyAllowBrowser: true })
  const socket = await OpenAIRealtimeWebSocket.azure(azure, { dangerouslyAllowBrowser: true })
  return talkBeta(socket as unknown as NewestWebSocket)
}

export async function talkBeta(client: NewestWS | NewestWebSocket): Promise<Talker> {
  let failed: (error: Error) => void = () => {}
  client.on('error', (error) => failed(error))
  const once = <T extends RealtimeServerEvent['type']>(type: T) =>
    new Promise<EventOf<T>>((resolve, reject) => {
      failed = reject
      client.once(type, resolve as never)
    })
  const answer = async () => {
    let text = ''
    let audioBytes = 0
    const onAudio = (event: EventOf<'response.audio.delta'>) => {
      audioBytes += base64Bytes(event.delta)
    }
    const onText = (event: EventOf<'response.audio_transcript.delta' | 'response.text.delta'>) => {
      text += event.delta
    }
    client.on('response.audio.delta', onAudio)
    client.on('response.audio_transcript.delta', onText)
    client.on('response.text.delta', onText)
    let { response } = await once('response.done')
    // What broke off goes on in another response.
    while (response.status === 'incomplete') response = (await once('response.done')).response
    client.off('response.audio.delta', onAudio)
    client.off('response.audio_transcript.delta', onText)
    client.off('response.text.delta', onText)
    if (response.status !== 'completed') throw new Error(`response ended as ${response.status}`)
    return { text, audioBytes, response }
  }
  const ask = async (text: string) => {
    const created = once('conversation.item.created')
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
    await created
    const done = answer()
    client.send({ type: 'response.create', response: { modalities: ['text', 'audio'] } })
    return done
  }
  await once('session.created')
  client.send({
    type: 'session.update',
    session: {
      modalities: ['text', 'audio'],
      voice: 'alloy',
      input_audio_format: 'pcm16',
      output_audio_format: 'pcm16',
      input_audio_transcription: { model: 'whisper-1' },
      turn_detection: { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 300 },
    },
  })
  const { session } = await once('session.updated')
  if (session.turn_detection?.silence_duration_ms !== 300 || session.voice !== 'alloy') throw new Error('the session is not as asked for')
  return {
    ask,
    async speak(speechMs) {
      const heard = once('conversation.item.input_audio_transcription.completed')
      const done = answer()
      for (const piece of pieces(spokenPcm(RATE, speechMs))) client.send({ type: 'input_audio_buffer.append', audio: toBase64(piece) })
      return { ...(await done), heard: (await heard).transcript }
    },
    async ownTool(text) {
      const { response } = await ask(text)
      const called: OwnCall[] = []
      for (const item of response.output ?? []) {
        if (item.type !== 'function_call') continue
        called.push({ name: item.name ?? '', arguments: item.arguments ?? '' })
        client.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: item.call_id ?? '', output: 'it is on screen now' } })
      }
      const done = answer()
      client.send({ type: 'response.create' })
      return { ...(await done), called }
    },
    async write(text) {
      client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
      const done = answer()
      client.send({ type: 'response.create', response: { modalities: ['text'] } })
      return done
    },
    async close() {
      const closed = new Promise<{ code: number }>((resolve) => client.socket.addEventListener('close', resolve))
      client.close()
      const { code } = await closed
      if (code !== 1000) throw new Error(`closed with ${code}`)
    },
  }
}
