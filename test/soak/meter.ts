// Stands between relay and upstream and counts, by user, what is really used there. It passes every frame on as it is.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'

/** Of all sessions of one user. */
export interface Used {
  responses: number
  tokens: number
  /** Of speech that went up, appended or in items. */
  audioSeconds: number
  transcribedSeconds: number
}

export interface Meter {
  readonly url: string
  /** By the name that a session's instructions give, as `You serve <name>.` */
  used(): Readonly<Record<string, Used>>
}

interface UpstreamEvent {
  readonly type: string
  readonly audio?: string
  readonly session?: { readonly instructions?: string }
  readonly item?: { readonly content?: readonly { readonly audio?: string }[] }
  readonly response?: { readonly usage?: { readonly total_tokens?: number } | null }
  readonly usage?: { readonly seconds?: number }
}

const COUNTED = /"type":"(session\.update|input_audio_buffer\.append|conversation\.item\.create|response\.done|conversation\.item\.input_audio_transcription\.completed)"/

export async function startMeter(upstreamUrl: string): Promise<Meter> {
  const used: Record<string, Used> = {}
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false, handleProtocols: () => 'realtime' })
  await once(server, 'listening')

  server.on('connection', (near, request) => {
    const key = { 'api-key': String(request.headers['api-key']) }
    const far = new WebSocket(`${upstreamUrl.replace(/^http/, 'ws')}${request.url}`, { headers: key, perMessageDeflate: false })
    let mine: Used | undefined
    const count = (text: string) => {
      if (!COUNTED.test(text)) return
      const event = JSON.parse(text) as UpstreamEvent
      const name = /You serve (\S+)\./.exec(event.session?.instructions ?? '')?.[1]
      if (event.type === 'session.update' && name) {
        used[name] ??= { responses: 0, tokens: 0, audioSeconds: 0, transcribedSeconds: 0 }
        mine = used[name]
      }
      if (mine) add(mine, event)
    }
    const early: string[] = []
    near.on('message', (data) => {
      const text = String(data)
      count(text)
      if (far.readyState === WebSocket.OPEN) far.send(text)
      else early.push(text)
    })
    far.on('open', () => {
      for (const text of early) far.send(text)
    })
    far.on('message', (data) => {
      const text = String(data)
      count(text)
      near.send(text)
    })
    far.on('close', () => near.terminate())
    near.on('close', () => far.terminate())
    for (const socket of [near, far]) socket.on('error', () => socket.terminate())
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, used: () => used }
}

function add(mine: Used, { type, audio, item, response, usage }: UpstreamEvent): void {
  const seconds = (base64: string) => (base64.length * 3) / 4 / 48_000
  if (type === 'input_audio_buffer.append') mine.audioSeconds += seconds(audio ?? '')
  if (type === 'conversation.item.create') for (const part of item?.content ?? []) mine.audioSeconds += seconds(part.audio ?? '')
  if (type === 'conversation.item.input_audio_transcription.completed') mine.transcribedSeconds += usage?.seconds ?? 0
  if (type !== 'response.done') return
  mine.responses++
  mine.tokens += response?.usage?.total_tokens ?? 0
}
