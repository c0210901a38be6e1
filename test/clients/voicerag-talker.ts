// A page's own realtime hook on react-use-websocket, in the manner of the VoiceRAG sample: preview events, audio in, no library.
import { createElement, useEffect } from 'react'
import { createRoot } from 'react-dom/client'
import reactUseWebSocket from 'react-use-websocket'
import { pageHost, rootElement } from './support/page.js'
import { base64Bytes, pieces, RATE, spokenPcm, toBase64 } from './support/speech.js'
import type { Answer, Talker } from './support/turns.js'

interface ServerEvent {
  readonly type: string
  readonly delta?: string
  readonly transcript?: string
}

interface RealTime {
  start(): void
  addUserAudio(base64: string): void
  addUserText(text: string): void
}

// The package is CommonJS: bundlers that follow Node give its whole exports as the default.
const useWebSocket = reactUseWebSocket.default

function useRealTime(url: string, protocols: string[], onMessage: (event: ServerEvent) => void): RealTime & { readyState: number } {
  const { sendJsonMessage, readyState } = useWebSocket(url, {
    ...(protocols.length > 0 ? { protocols } : {}),
    onMessage: (event) => onMessage(JSON.parse(event.data)),
    shouldReconnect: () => true,
  })
  return {
    readyState,
    start: () => sendJsonMessage({ type: 'session.update', session: { turn_detection: { type: 'server_vad' }, input_audio_transcription: { model: 'whisper-1' } } }),
    addUserAudio: (audio) => sendJsonMessage({ type: 'input_audio_buffer.append', audio }),
    addUserText(text) {
      sendJsonMessage({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
      sendJsonMessage({ type: 'response.create' })
    },
  }
}

function Page({ url, protocols, onMessage, onReady }: { url: string; protocols: string[]; onMessage: (event: ServerEvent) => void; onReady: (hook: RealTime) => void }) {
  const hook = useRealTime(url, protocols, onMessage)
  useEffect(() => {
    if (hook.readyState === 1) onReady(hook)
  })
  return createElement('p', null, hook.readyState)
}

/** `/` for the host: by the page's own server, which adds the token. Else straight, with the token as a subprotocol or, with `?` in front, in the query. */
export async function connect(host: string, token: string): Promise<Talker> {
  const inQuery = host.startsWith('?')
  const query = `api-key=${token}&deployment=gpt-4o-realtime-preview&api-version=2024-10-01-preview`
  const url = host === '/' ? `ws://${pageHost()}/realtime` : inQuery ? `wss://${host.slice(1)}/openai/realtime?${query}` : `wss://${host}/openai/realtime`
  const protocols = host === '/' || inQuery ? [] : ['realtime', `openai-insecure-api-key.${token}`]
  let listener: (event: ServerEvent) => void = () => {}
  const root = createRoot(rootElement())
  const hook = await new Promise<RealTime>((onReady) => root.render(createElement(Page, { url, protocols, onMessage: (event) => listener(event), onReady })))
  hook.start()
  const answer = () =>
    new Promise<Answer & { heard: string }>((resolve, reject) => {
      const result = { text: '', audioBytes: 0, heard: '' }
      listener = (event) => {
        if (event.type === 'error') reject(new Error(JSON.stringify(event)))
        if (event.type === 'response.audio_transcript.delta') result.text += event.delta
        if (event.type === 'response.audio.delta') result.audioBytes += base64Bytes(event.delta ?? '')
        if (event.type === 'conversation.item.input_audio_transcription.completed') result.heard = event.transcript ?? ''
        if (event.type === 'response.done') resolve(result)
      }
    })
  return {
    async ask(text) {
      const done = answer()
      hook.addUserText(text)
      const { heard: _nothing, ...said } = await done
      return said
    },
    speak(speechMs) {
      const done = answer()
      for (const piece of pieces(spokenPcm(RATE, speechMs))) hook.addUserAudio(toBase64(piece))
      return done
    },
    async close() {
      root.unmount()
    },
  }
}
