// A conversation through any openai 7 GA socket, as a user of the library writes it, in Node and in a page.

import { OpenAI } from 'openai-7'
import { OpenAIRealtimeWebSocket } from 'openai-7/realtime/websocket'
import type { OpenAIRealtimeWS } from 'openai-7/realtime/ws'
import type { RealtimeServerEvent } from 'openai-7/resources/realtime/realtime'
import { base64Bytes, pieces, RATE, spokenPcm, toBase64 } from './support/speech.js'
import type { OwnCall, Talker } from './support/turns.js'

type Client = OpenAIRealtimeWS | OpenAIRealtimeWebSocket
type EventOf<T> = Extract<RealtimeServerEvent, { type: T }>

/** A page that holds a user's own token, not a key, may say so. */
export async function connect(host: string, token: string): Promise<Talker> {
  const client = new OpenAI({ baseURL: `https://${host}/v1`, apiKey: token, dangerouslyAllowBrowser: true })
  return talk(new OpenAIRealtimeWebSocket({ model: 'gpt-realtime', dangerouslyAllowBrowser: true }, client))
}

export async function talk(client: Client): Promise<Talker> {
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
    const onAudio = (event: EventOf<'response.output_audio.delta'>) => {
      audioBytes += base64Bytes(event.delta)
    }
    const onText = (event: EventOf<'response.output_audio_transcript.delta' | 'response.output_text.delta'>) => {
      text += event.delta
    }
    client.on('response.output_audio.delta', onAudio)
    client.on('response.output_audio_transcript.delta', onText)
    client.on('response.output_text.delta', onText)
    let { response } = await once('response.done')
    // What broke off goes on in another response.
    while (response.status === 'incomplete') response = (await once('response.done')).response
    client.off('response.output_audio.delta', onAudio)
    client.off('response.output_audio_transcript.delta', onText)
    client.off('response.output_text.delta', onText)
    if (response.status !== 'completed') throw new Error(`response ended as ${response.status}`)
    return { text, audioBytes, response }
  }
  const ask = (text: string) => {
    const done = answer()
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
    client.send({ type: 'response.create' })
    return done
  }
  await once('session.created')
  client.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['audio'], audio: { output: { voice: 'marin' } } } })
  await once('session.updated')
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
      client.send({ type: 'response.create', response: { output_modalities: ['text'], metadata: { purpose: 'writing' } } })
      const written = await done
      if (written.response.metadata?.purpose !== 'writing') throw new Error('the metadata did not come back')
      return written
    },
    async close() {
      const closed = new Promise<{ code: number }>((resolve) => client.socket.addEventListener('close', resolve))
      client.close()
      const { code } = await closed
      if (code !== 1000) throw new Error(`closed with ${code}`)
    },
  }
}
