// @openai/agents-realtime 0.20 straight at the simulator, over plain `ws`.
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime'
import { afterEach, describe, it } from 'vitest'
import { z } from 'zod'
import { type Direct, type DirectTalker, fiveTurns, KEY, missingVoice, openDirect, WEATHER, weatherIn } from './support/direct.js'
import { pieces } from './support/speech.js'
import type { Answer, OwnCall } from './support/turns.js'

async function connect(url: string): Promise<DirectTalker> {
  const called: OwnCall[] = []
  const weather = tool({
    name: WEATHER.name,
    description: WEATHER.description,
    parameters: z.object({ city: z.string() }),
    async execute(input) {
      called.push({ name: WEATHER.name, arguments: JSON.stringify(input) })
      return weatherIn(input.city)
    },
  })
  const session = new RealtimeSession(new RealtimeAgent({ name: 'Helper', tools: [weather] }), { transport: new OpenAIRealtimeWebSocket() })
  let failed: (error: Error) => void = () => {}
  session.on('error', ({ error }) => failed(new Error(JSON.stringify(error))))
  let audioBytes = 0
  session.on('audio', (event) => {
    audioBytes += event.data.byteLength
  })
  /** The end of a turn with words. After a turn that only called a tool, the library goes on by itself. */
  const answer = () =>
    new Promise<Answer>((resolve, reject) => {
      failed = reject
      audioBytes = 0
      const onEnd = (_context: unknown, _agent: unknown, text: string) => {
        if (text === '') return
        session.off('agent_end', onEnd)
        resolve({ text, audioBytes })
      }
      session.on('agent_end', onEnd)
    })
  const ask = (text: string) => {
    const done = answer()
    session.sendMessage(text)
    return done
  }
  const microphone = (pcm: Uint8Array) => {
    for (const piece of pieces(pcm)) session.sendAudio(piece.slice().buffer as ArrayBuffer)
  }
  await session.connect({ url, apiKey: KEY })
  return {
    ask,
    async speak(pcm) {
      const done = answer()
      microphone(pcm)
      const { text, audioBytes: bytes } = await done
      const spoken = session.history.flatMap((item) => (item.type === 'message' && item.role === 'user' ? item.content : []))
      const heard = spoken.flatMap((part) => (part.type === 'input_audio' ? [part.transcript ?? ''] : [])).at(-1)
      return { text, audioBytes: bytes, heard: String(heard) }
    },
    async call(text) {
      const result = await ask(text)
      return { ...result, called: [...called] }
    },
    async interrupt(text, pcm) {
      const interrupted = new Promise((resolve) => session.once('audio_interrupted', resolve))
      const speaking = new Promise((resolve) => session.once('audio', resolve))
      const cut = ask(text)
      await speaking
      microphone(pcm)
      await interrupted
      await cut
      return answer()
    },
    async close() {
      session.close()
    },
  }
}

describe.skipIf(missingVoice.length > 0)(`@openai/agents-realtime and the simulator${missingVoice.map((name) => ` (${name} is missing)`)}`, () => {
  let direct: Direct
  afterEach(() => direct?.close())

  it.each([
    ['azure', '/openai/v1/realtime?model=voice'],
    ['openai', '/v1/realtime?model=gpt-realtime'],
  ] as const)('the path of %s', async (style, target) => {
    direct = await openDirect({ style })
    await fiveTurns(direct, await connect(`ws://${direct.host}${target}`), target)
  })
})
