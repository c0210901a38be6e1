// @livekit/agents-plugin-openai 1.9 straight at the simulator: its realtime class on both services' GA paths, and legacy Azure, which speaks the preview.
import { initializeLogger, llm } from '@livekit/agents'
import { realtime } from '@livekit/agents-plugin-openai'
import { AudioFrame } from '@livekit/rtc-node'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Direct, type DirectTalker, fiveTurns, KEY, missingVoice, openDirect, WEATHER, weatherIn } from './support/direct.js'
import { pieces, RATE } from './support/speech.js'
import type { Answer, OwnCall } from './support/turns.js'

initializeLogger({ pretty: false, level: 'silent' })

async function connect(model: realtime.RealtimeModel): Promise<DirectTalker> {
  const session = model.session()
  let failed: (error: unknown) => void = () => {}
  session.on('error', (event: unknown) => failed(new Error(`LiveKit reports ${JSON.stringify(event)}`)))
  const within = <T>(work: Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      failed = reject
      work.then(resolve, reject)
    })
  const generated = () => within(new Promise<llm.GenerationCreatedEvent>((resolve) => session.once('generation_created', resolve)))
  const weather = llm.tool({ ...WEATHER, parameters: z.object({ city: z.string() }), execute: async ({ city }) => weatherIn(city) })
  await session.updateTools(new llm.ToolContext([weather]))
  const say = async (text: string) => {
    const chat = session.chatCtx.copy()
    chat.addMessage({ role: 'user', content: text })
    await within(session.updateChatCtx(chat))
    return within(session.generateReply())
  }
  const microphone = (pcm: Uint8Array) => {
    for (const piece of pieces(pcm)) session.pushAudio(new AudioFrame(new Int16Array(piece.slice().buffer), RATE, 1, piece.length / 2))
  }
  return {
    ask: async (text) => (await read(await say(text))).answer,
    async speak(pcm) {
      const next = generated()
      const heard = new Promise<string>((resolve) => {
        session.on('input_audio_transcription_completed', (event: llm.InputTranscriptionCompleted) => {
          if (event.isFinal) resolve(event.transcript)
        })
      })
      microphone(pcm)
      const { answer } = await read(await next)
      return { ...answer, heard: await within(heard) }
    },
    async call(text) {
      const { calls } = await read(await say(text))
      const chat = session.chatCtx.copy()
      for (const call of calls)
        chat.items.push(llm.FunctionCallOutput.create({ callId: call.callId, name: call.name, output: weatherIn(JSON.parse(call.args).city), isError: false }))
      await within(session.updateChatCtx(chat))
      const { answer } = await read(await within(session.generateReply()))
      return { ...answer, called: calls.map((call): OwnCall => ({ name: call.name, arguments: call.args })) }
    },
    /** What an AgentSession does when the user speaks: it stops the playback and truncates. */
    async interrupt(text, pcm) {
      const { value: message } = await (await say(text)).messageStream[Symbol.asyncIterator]().next()
      if (!message) throw new Error('LiveKit made no message')
      const audio = message.audioStream[Symbol.asyncIterator]()
      await audio.next()
      const next = generated()
      microphone(pcm)
      while (!(await audio.next()).done);
      await session.truncate({ messageId: message.messageId, audioEndMs: 100, modalities: ['audio', 'text'] })
      return (await read(await next)).answer
    },
    async close() {
      const roles = session.chatCtx.items.map((item) => (item.type === 'message' ? item.role : item.type))
      expect(roles).toEqual([...Array(2).fill(['user', 'assistant']), 'user', 'function_call', 'function_call_output', 'assistant', ...Array(2).fill(['user', 'assistant'])].flat())
      await session.close()
      await model.close()
    },
  }
}

async function read(generation: llm.GenerationCreatedEvent): Promise<{ answer: Answer; calls: llm.FunctionCall[] }> {
  let text = ''
  let audioBytes = 0
  const calls: llm.FunctionCall[] = []
  const messages = async () => {
    for await (const message of generation.messageStream) {
      const words = async () => {
        for await (const chunk of message.textStream) text += String(chunk)
      }
      const sound = async () => {
        for await (const frame of message.audioStream) audioBytes += frame.data.byteLength
      }
      await Promise.all([words(), sound()])
    }
  }
  const functions = async () => {
    for await (const call of generation.functionStream) calls.push(call)
  }
  await Promise.all([messages(), functions()])
  return { answer: { text, audioBytes }, calls }
}

describe.skipIf(missingVoice.length > 0)(`@livekit/agents-plugin-openai and the simulator${missingVoice.map((name) => ` (${name} is missing)`)}`, () => {
  let direct: Direct
  afterEach(() => direct?.close())

  it('RealtimeModel on OpenAI', async () => {
    direct = await openDirect({ style: 'openai' })
    const model = new realtime.RealtimeModel({ baseURL: `http://${direct.host}/v1`, apiKey: KEY, model: 'gpt-realtime' })
    await fiveTurns(direct, await connect(model), '/v1/realtime?model=gpt-realtime')
  })

  it('RealtimeModel.withAzure', async () => {
    direct = await openDirect()
    const model = realtime.RealtimeModel.withAzure({ azureEndpoint: `http://${direct.host}`, azureDeployment: 'voice', apiKey: KEY })
    await fiveTurns(direct, await connect(model), '/openai/v1/realtime?model=voice')
  })

  it('RealtimeModel.withAzure with an api version, on the preview path', async () => {
    direct = await openDirect()
    const model = realtime.RealtimeModel.withAzure({ azureEndpoint: `http://${direct.host}`, azureDeployment: 'voice', apiVersion: '2024-10-01-preview', apiKey: KEY })
    await fiveTurns(direct, await connect(model), /^\/openai\/realtime\?(?=.*api-version=2024-10-01-preview)(?=.*deployment=voice)/)
  })
})
