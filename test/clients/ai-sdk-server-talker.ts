// Vercel AI SDK 7 on a server: @ai-sdk/openai gives address and codec for a socket of one's own.
import { createOpenAI } from '@ai-sdk/openai'
import WebSocket from 'ws'
import { base64Bytes, pieces, RATE, spokenPcm, toBase64 } from './support/speech.js'
import type { OwnCall, Talker } from './support/turns.js'

/** The model's codec on a socket of one's own, as the SDK means it for servers. */
export async function connect(host: string, token: string): Promise<Talker> {
  const model = createOpenAI({ baseURL: `https://${host}/v1`, apiKey: token }).experimental_realtime('gpt-realtime')
  const { url, headers } = await model.getServerWebSocketConfig!()
  const socket = new WebSocket(url, { headers })
  type ClientEvent = Parameters<typeof model.serializeClientEvent>[0]
  type ServerEvent = Exclude<ReturnType<typeof model.parseServerEvent>, readonly unknown[]>
  const listeners = new Set<(event: ServerEvent) => void>()
  socket.on('message', (data) => {
    for (const event of [model.parseServerEvent(JSON.parse(String(data)))].flat()) for (const listener of [...listeners]) listener(event as ServerEvent)
  })
  const send = (event: ClientEvent) => socket.send(JSON.stringify(model.serializeClientEvent(event)))
  const answer = () =>
    new Promise<{ text: string; audioBytes: number; called: (OwnCall & { callId: string })[]; heard?: string }>((resolve, reject) => {
      const result = { text: '', audioBytes: 0, called: [] as (OwnCall & { callId: string })[] } as {
        text: string
        audioBytes: number
        called: (OwnCall & { callId: string })[]
        heard?: string
      }
      const listener = (event: ServerEvent) => {
        if (event.type === 'audio-transcript-delta' || event.type === 'text-delta') result.text += event.delta
        if (event.type === 'audio-delta') result.audioBytes += base64Bytes(event.delta)
        if (event.type === 'input-transcription-completed') result.heard = event.transcript
        if (event.type === 'function-call-arguments-done') result.called.push({ name: event.name, arguments: event.arguments, callId: event.callId })
        if (event.type === 'error') reject(new Error(event.message))
        if (event.type !== 'response-done') return
        listeners.delete(listener)
        resolve(result)
      }
      listeners.add(listener)
    })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('open', () => send({ type: 'session-update', config: { voice: 'marin', outputModalities: ['audio'] } }))
    const listener = (event: ServerEvent) => {
      if (event.type !== 'session-updated') return
      listeners.delete(listener)
      resolve()
    }
    listeners.add(listener)
  })
  const ask = (text: string) => {
    const done = answer()
    send({ type: 'conversation-item-create', item: { type: 'text-message', role: 'user', text } })
    send({ type: 'response-create' })
    return done
  }
  return {
    ask,
    async speak(speechMs) {
      const done = answer()
      for (const piece of pieces(spokenPcm(RATE, speechMs))) send({ type: 'input-audio-append', audio: toBase64(piece) })
      return done
    },
    async ownTool(text) {
      const { called } = await ask(text)
      for (const { callId, name } of called) send({ type: 'conversation-item-create', item: { type: 'function-call-output', callId, name, output: 'it is on screen now' } })
      const done = answer()
      send({ type: 'response-create' })
      return { ...(await done), called }
    },
    async write(text) {
      const done = answer()
      send({ type: 'conversation-item-create', item: { type: 'text-message', role: 'user', text } })
      send({ type: 'response-create', options: { modalities: ['text'] } })
      return done
    },
    async close() {
      socket.close()
    },
  }
}
