// @openai/agents-realtime: an agent with a tool of its own over the WebSocket transport, in Node and in a page.
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime'
import { z } from 'zod'
import { isPage } from './support/page.js'
import { pieces, RATE, spokenPcm } from './support/speech.js'
import type { Answer, OwnCall, Talker } from './support/turns.js'

/** With `ek_` before the token the page needs no flag that allows insecure keys. */
export async function connect(host: string, token: string): Promise<Talker> {
  const called: OwnCall[] = []
  const showOnScreen = tool({
    name: 'show_on_screen',
    description: 'Shows a text on the screen.',
    parameters: z.object({ text: z.string() }),
    async execute(input) {
      called.push({ name: 'show_on_screen', arguments: JSON.stringify(input) })
      return 'it is on screen now'
    },
  })
  const agent = new RealtimeAgent({ name: 'Helper', instructions: 'The relay has its own.', tools: [showOnScreen] })
  const session = new RealtimeSession(agent, { transport: new OpenAIRealtimeWebSocket(), model: 'gpt-realtime' })
  let failed: (error: unknown) => void = () => {}
  session.on('error', ({ error }) => failed(error))
  let audioBytes = 0
  session.on('audio', (event) => {
    audioBytes += event.data.byteLength
  })
  /** The end of a turn with words. After a turn that only called a tool, the library goes on by itself. */
  const answer = () =>
    new Promise<Answer>((resolve, reject) => {
      failed = (error) => reject(new Error(JSON.stringify(error)))
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
  await session.connect({ url: `wss://${host}/v1/realtime?model=gpt-realtime`, apiKey: isPage ? `ek_${token}` : token })
  return {
    ask,
    async speak(speechMs) {
      const done = answer()
      for (const piece of pieces(spokenPcm(RATE, speechMs))) session.sendAudio(piece.slice().buffer as ArrayBuffer)
      const { text, audioBytes: bytes } = await done
      const spoken = session.history.flatMap((item) => (item.type === 'message' && item.role === 'user' ? item.content : []))
      const heard = spoken.flatMap((part) => (part.type === 'input_audio' ? [part.transcript ?? ''] : [])).at(-1)
      return { text, audioBytes: bytes, heard }
    },
    async ownTool(text) {
      called.length = 0
      const result = await ask(text)
      return { ...result, called: [...called] }
    },
    write(text) {
      session.transport.updateSessionConfig({ outputModalities: ['text'] })
      return ask(text)
    },
    async close() {
      session.close()
    },
  }
}
