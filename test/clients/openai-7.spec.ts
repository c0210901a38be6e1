// openai 7 for Node, GA: OpenAIRealtimeWS with `ws`, OpenAIRealtimeWebSocket with the native WebSocket, both also as Azure clients.

import { AzureOpenAI, OpenAI } from 'openai-7'
import { OpenAIRealtimeWebSocket } from 'openai-7/realtime/websocket'
import { OpenAIRealtimeWS } from 'openai-7/realtime/ws'
import type { RealtimeServerEvent } from 'openai-7/resources/realtime/realtime'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { HEARD, type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { provideNativeWebSocket } from './support/native-websocket.js'
import { pcmOf, pieces, spokenPcm } from './support/speech.js'

await provideNativeWebSocket()

type Client = OpenAIRealtimeWS | OpenAIRealtimeWebSocket
type Done = Extract<RealtimeServerEvent, { type: 'response.done' }>

const CONNECT: Readonly<Record<string, (lab: Lab) => Promise<Client>>> = {
  OpenAIRealtimeWS: async (lab) => new OpenAIRealtimeWS({ model: 'gpt-realtime' }, new OpenAI({ baseURL: `https://${lab.host}/v1`, apiKey: await lab.token() })),
  'OpenAIRealtimeWS on the Azure path': async (lab) =>
    new OpenAIRealtimeWS({ model: 'gpt-realtime' }, new OpenAI({ baseURL: `https://${lab.host}/openai/v1`, apiKey: await lab.token() })),
  'OpenAIRealtimeWS.azure with a key': async (lab) =>
    OpenAIRealtimeWS.azure(new AzureOpenAI({ endpoint: `https://${lab.host}`, apiKey: await lab.token(), apiVersion: '2025-04-01-preview', deployment: 'voice' })),
  'OpenAIRealtimeWS.azure with a token provider': async (lab) =>
    OpenAIRealtimeWS.azure(new AzureOpenAI({ endpoint: `https://${lab.host}`, azureADTokenProvider: () => lab.token(), apiVersion: '2025-04-01-preview', deployment: 'voice' })),
  'OpenAIRealtimeWebSocket, native': async (lab) =>
    new OpenAIRealtimeWebSocket({ model: 'gpt-realtime' }, new OpenAI({ baseURL: `https://${lab.host}/v1`, apiKey: await lab.token() })),
  'OpenAIRealtimeWebSocket.azure, native': async (lab) =>
    OpenAIRealtimeWebSocket.azure(new AzureOpenAI({ endpoint: `https://${lab.host}`, apiKey: await lab.token(), apiVersion: '2025-04-01-preview', deployment: 'voice' })),
}

function conversation(client: Client) {
  const errors: unknown[] = []
  client.on('error', (error) => errors.push(error))
  const once = <T extends RealtimeServerEvent['type']>(type: T) =>
    new Promise<Extract<RealtimeServerEvent, { type: T }>>((resolve, reject) => {
      client.on('error', reject)
      client.once(type, resolve as never)
    })
  return {
    errors,
    once,
    async ask(text: string): Promise<{ done: Done; transcript: string; audio: Buffer }> {
      const audio: string[] = []
      const heard: string[] = []
      const onAudio = (event: { delta: string }) => void audio.push(event.delta)
      const onText = (event: { transcript: string }) => void heard.push(event.transcript)
      client.on('response.output_audio.delta', onAudio)
      client.on('response.output_audio_transcript.done', onText)
      const done = once('response.done')
      client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
      client.send({ type: 'response.create' })
      const result = { done: await done, transcript: heard.join(' '), audio: pcmOf(audio) }
      client.off('response.output_audio.delta', onAudio)
      client.off('response.output_audio_transcript.done', onText)
      return result
    },
  }
}

describe.each(UPSTREAMS)('openai 7 on a %s upstream', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  it.each(Object.keys(CONNECT))('%s: text, audio, a tool of the server, a tool of its own', async (name) => {
    const client = await CONNECT[name]!(lab)
    const talk = conversation(client)
    const created = await talk.once('session.created')
    expect(created.session).toMatchObject({ type: 'realtime' })

    const hello = await talk.ask('Good morning')
    expect(hello.transcript).toContain('You said: Good morning.')
    expect(hello.audio.length).toBeGreaterThan(4800)
    expect(hello.done.response.status).toBe('completed')

    const spoken = talk.once('response.done')
    const transcription = talk.once('conversation.item.input_audio_transcription.completed')
    for (const piece of pieces(spokenPcm())) client.send({ type: 'input_audio_buffer.append', audio: piece.toString('base64') })
    expect((await transcription).transcript).toBe(HEARD)
    expect(JSON.stringify((await spoken).response.output)).toContain(`You said: ${HEARD}`)

    const weather = await talk.ask('What is the weather in Lisbon?')
    expect(lab.running.toolRequests.at(-1)).toBe('POST /weather {"city":"Lisbon"}')
    expect(weather.transcript).toContain('sunny in Lisbon')
    expect(weather.done.response.output?.map((item) => item.type)).toEqual(['message'])

    const calling = await talk.ask('Please show hello on screen')
    const [call] = calling.done.response.output ?? []
    if (call?.type !== 'function_call') throw new Error('no call of the client’s tool')
    expect(call).toMatchObject({ name: 'show_on_screen' })
    const answered = talk.once('response.done')
    client.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: call.call_id ?? '', output: 'it is on screen now' } })
    client.send({ type: 'response.create' })
    expect(JSON.stringify((await answered).response.output)).toContain('it is on screen now')

    expect(lab.leaks()).toEqual([])
    expect(talk.errors).toEqual([])
    const closed = new Promise((resolve) => client.socket.addEventListener('close', resolve))
    client.close()
    expect(await closed).toMatchObject({ code: 1000 })
  })
})
