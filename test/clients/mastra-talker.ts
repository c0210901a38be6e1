// @mastra/voice-openai-realtime: a voice with a tool of its own, as an app drives it.
import { OpenAIRealtimeVoice } from '@mastra/voice-openai-realtime'
import { z } from 'zod'
import { pieces, RATE, spokenPcm } from './support/speech.js'
import type { Answer, OwnCall, Talker } from './support/turns.js'

interface Writing {
  text: string
  role: 'user' | 'assistant'
}

export async function connect(url: string, token: string): Promise<Talker & { voice: OpenAIRealtimeVoice; answer(): Promise<Answer & { heard: string }> }> {
  const voice = new OpenAIRealtimeVoice({ url, apiKey: token, model: 'gpt-realtime', speaker: 'alloy' })
  const called: OwnCall[] = []
  voice.addInstructions('The relay has its own.')
  voice.addTools({
    show_on_screen: {
      description: 'Shows a text.',
      parameters: z.object({ text: z.string() }),
      execute: async (input: unknown) => {
        called.push({ name: 'show_on_screen', arguments: JSON.stringify(input) })
        return 'it is on screen now'
      },
    },
  } as never)
  let failed: (error: Error) => void = () => {}
  voice.on('error', (event: unknown) => failed(new Error(JSON.stringify(event))))
  /** A response that only called a tool has no words. The next one has. */
  const answer = () =>
    new Promise<Answer & { heard: string }>((resolve, reject) => {
      failed = reject
      const said = { user: '', assistant: '' }
      let audioBytes = 0
      const onWriting = ({ text, role }: Writing) => {
        said[role] += text
      }
      const onSpeaking = ({ audio }: { audio: Buffer }) => {
        audioBytes += audio.length
      }
      const onDone = () => {
        if (said.assistant.trim() === '') return
        voice.off('writing', onWriting)
        voice.off('speaking', onSpeaking)
        voice.off('response.done', onDone)
        resolve({ text: said.assistant, audioBytes, heard: said.user })
      }
      voice.on('writing', onWriting)
      voice.on('speaking', onSpeaking)
      voice.on('response.done', onDone)
    })
  const ask = (text: string) => {
    const done = answer()
    voice.sendEvent('conversation.item.create', { item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
    void voice.answer({ options: {} })
    return done
  }
  const updated = new Promise((resolve) => voice.on('session.updated', resolve))
  await voice.connect()
  await updated
  return {
    voice,
    answer,
    ask: async (text) => {
      const { text: words, audioBytes } = await ask(text)
      return { text: words, audioBytes }
    },
    async speak(speechMs) {
      const done = answer()
      for (const piece of pieces(spokenPcm(RATE, speechMs))) await voice.send(new Int16Array(piece.slice().buffer))
      return done
    },
    async ownTool(text) {
      called.length = 0
      const result = await ask(text)
      return { ...result, called: [...called] }
    },
    async write(text) {
      const done = answer()
      voice.sendEvent('conversation.item.create', { item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
      await voice.answer({ options: { modalities: ['text'] } as never })
      return done
    },
    async close() {
      voice.close()
    },
  }
}
