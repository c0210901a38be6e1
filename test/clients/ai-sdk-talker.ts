// Vercel AI SDK 7: the realtime hook of @ai-sdk/react in a page. It dials the relay itself, or uses an endpoint that returns token and address.
import { openai } from '@ai-sdk/openai'
import { type Experimental_UseRealtimeOptions, type Experimental_UseRealtimeReturn, experimental_useRealtime as useRealtime } from '@ai-sdk/react'
import type { Experimental_RealtimeServerEvent } from 'ai'
import { createElement, useEffect } from 'react'
import { createRoot } from 'react-dom/client'
import { rootElement } from './support/page.js'
import { base64Bytes, pieces, RATE, spokenPcm, toBase64 } from './support/speech.js'
import type { Answer, OwnCall, Talker } from './support/turns.js'

const MODEL = openai.experimental_realtime('gpt-realtime')
const SESSION = {
  voice: 'marin',
  outputModalities: ['audio' as const],
  inputAudioTranscription: { model: 'whisper-1' },
  tools: [
    { type: 'function' as const, name: 'show_on_screen', description: 'Shows a text.', parameters: { type: 'object' as const, properties: { text: { type: 'string' as const } } } },
  ],
}

function Voice({ options, onRender }: { options: Experimental_UseRealtimeOptions; onRender: (realtime: Experimental_UseRealtimeReturn) => void }) {
  const realtime = useRealtime(options)
  useEffect(() => onRender(realtime))
  return createElement('p', null, realtime.status)
}

/** A host with a leading `?` means: use an endpoint of the page's own server, here one that answers with the given values. */
export async function connect(host: string, token: string): Promise<Talker> {
  const byEndpoint = host.startsWith('?')
  const url = `wss://${host.replace('?', '')}/v1/realtime?model=gpt-realtime`
  const api = byEndpoint
    ? { token: `/echo?body=${encodeURIComponent(JSON.stringify({ token, url }))}` }
    : { websocket: url, protocols: ['realtime', `openai-insecure-api-key.${token}`] }
  const called: OwnCall[] = []
  let onEvent: (event: Experimental_RealtimeServerEvent) => void = () => {}
  let onError: (error: Error) => void = () => {}
  let hook: Experimental_UseRealtimeReturn | undefined
  let rendered: () => void = () => {}

  const options: Experimental_UseRealtimeOptions = {
    model: MODEL,
    api,
    sessionConfig: SESSION,
    onToolCall({ toolCall }) {
      called.push({ name: toolCall.toolName, arguments: JSON.stringify(toolCall.args) })
      return 'it is on screen now'
    },
    onEvent: (event) => onEvent(event),
    onError: (error) => onError(error),
  }
  const onRender = (realtime: Experimental_UseRealtimeReturn) => {
    hook = realtime
    rendered()
  }
  createRoot(rootElement()).render(createElement(Voice, { options, onRender }))

  const until = <T>(look: (realtime: Experimental_UseRealtimeReturn) => T | undefined) =>
    new Promise<T>((resolve, reject) => {
      onError = reject
      rendered = () => {
        const found = hook && look(hook)
        if (found !== undefined) resolve(found)
      }
      rendered()
    })
  /** A response that only called a tool has no words. The next one has. */
  const answer = async (): Promise<Answer> => {
    let audioBytes = 0
    let done = false
    onEvent = (event) => {
      if (event.type === 'audio-delta') audioBytes += base64Bytes(event.delta)
      if (event.type === 'response-created' || event.type === 'response-done') done = event.type === 'response-done'
    }
    const text = await until((realtime) => {
      const last = realtime.messages.at(-1)
      const words = last?.role === 'assistant' ? last.parts.map((part) => (part.type === 'text' ? part.text : '')).join('') : ''
      return done && words !== '' ? words : undefined
    })
    return { text, audioBytes }
  }
  const idle = await until((realtime) => realtime)
  await idle.connect()
  await until((realtime) => (realtime.status === 'connected' ? true : undefined))
  const ask = (text: string) => {
    const done = answer()
    hook?.sendTextMessage(text)
    return done
  }
  return {
    ask,
    async speak(speechMs) {
      const done = answer()
      for (const piece of pieces(spokenPcm(RATE, speechMs))) hook?.sendAudio(toBase64(piece))
      const result = await done
      const heard = await until((realtime) => {
        const user = realtime.messages.findLast((message) => message.role === 'user')
        return user?.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('')
      })
      return { ...result, heard }
    },
    async ownTool(text) {
      called.length = 0
      const result = await ask(text)
      return { ...result, called: [...called] }
    },
    write(text) {
      const done = answer()
      hook?.sendEvent({ type: 'conversation-item-create', item: { type: 'text-message', role: 'user', text } })
      hook?.requestResponse({ modalities: ['text'] })
      return done
    },
    async close() {
      await hook?.close()
    },
  }
}
