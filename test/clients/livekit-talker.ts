// @livekit/agents-plugin-openai: a realtime session with a tool of its own, as an agent process drives it.
import { initializeLogger, llm } from '@livekit/agents'
import type { realtime } from '@livekit/agents-plugin-openai'
import { AudioFrame } from '@livekit/rtc-node'
import { z } from 'zod'
import { pieces, RATE, spokenPcm } from './support/speech.js'
import type { Answer, OwnCall, Talker } from './support/turns.js'

initializeLogger({ pretty: false, level: 'silent' })

export interface LiveKitTalker extends Talker {
  /** What it keeps of the conversation, in the order it understood. */
  roles(): readonly string[]
}

export async function connect(model: realtime.RealtimeModel): Promise<LiveKitTalker> {
  const session = model.session()
  let failed: (error: unknown) => void = () => {}
  session.on('error', (event: unknown) => failed(new Error(`LiveKit reports ${JSON.stringify(event)}`)))
  const within = <T>(work: Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      failed = reject
      work.then(resolve, reject)
    })
  const showOnScreen = llm.tool({ name: 'show_on_screen', description: 'Shows a text.', parameters: z.object({ text: z.string() }), execute: async () => 'it is on screen now' })
  await session.updateTools(new llm.ToolContext([showOnScreen]))
  const say = async (text: string) => {
    const chat = session.chatCtx.copy()
    chat.addMessage({ role: 'user', content: text })
    await within(session.updateChatCtx(chat))
    return read(await within(session.generateReply()))
  }
  return {
    roles: () => session.chatCtx.items.map((item) => (item.type === 'message' ? item.role : item.type)),
    ask: async (text) => (await say(text)).answer,
    async speak(speechMs) {
      const generated = new Promise<llm.GenerationCreatedEvent>((resolve) => session.once('generation_created', resolve))
      const heard = new Promise<string>((resolve) => {
        session.on('input_audio_transcription_completed', (event: llm.InputTranscriptionCompleted) => {
          if (event.isFinal) resolve(event.transcript)
        })
      })
      for (const piece of pieces(spokenPcm(RATE, speechMs))) session.pushAudio(new AudioFrame(new Int16Array(piece.slice().buffer), 24_000, 1, piece.length / 2))
      const { answer } = await read(await within(generated))
      return { ...answer, heard: await within(heard) }
    },
    async ownTool(text) {
      const { calls } = await say(text)
      const chat = session.chatCtx.copy()
      for (const call of calls) chat.items.push(llm.FunctionCallOutput.create({ callId: call.callId, name: call.name, output: 'it is on screen now', isError: false }))
      await within(session.updateChatCtx(chat))
      const { answer } = await read(await within(session.generateReply()))
      return { ...answer, called: calls.map((call): OwnCall => ({ name: call.name, arguments: call.args })) }
    },
    async close() {
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
