// @mastra/voice-openai-realtime 0.14: a GA session whose `listen` asks for its response in preview words. It reads both dialects.
import { Readable } from 'node:stream'
import { OpenAIRealtimeVoice } from '@mastra/voice-openai-realtime'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { pieces, RATE, spokenPcm } from './support/speech.js'
import { type Answer, checkWire, fourTurns, type OwnCall, type Talker } from './support/turns.js'

interface Writing {
  text: string
  role: 'user' | 'assistant'
}

async function connect(url: string, token: string): Promise<Talker & { voice: OpenAIRealtimeVoice; answer(): Promise<Answer & { heard: string }> }> {
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

describe.each(UPSTREAMS)('@mastra/voice-openai-realtime on a %s upstream', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  it.each(['/v1/realtime', '/openai/realtime'])('on %s: text, audio, a tool of the server, a tool of its own', async (path) => {
    await fourTurns(lab, await connect(`wss://${lab.host}${path}`, await lab.token()))
    expect(lab.targets()).toEqual([`${path}?model=gpt-realtime`])
  })

  it('listen: a whole recording in one message, answered in text as requested', async () => {
    const talker = await connect(`wss://${lab.host}/v1/realtime`, await lab.token())
    const done = talker.answer()
    const recording = Buffer.from(spokenPcm(24_000, 5000))
    await talker.voice.listen(Readable.from([recording]))
    const { text, audioBytes } = await done
    expect(text).toMatch(/\w/)
    expect(audioBytes).toBe(0)
    const sent = lab.running.simulator.received.at(-1)?.events.findLast((event) => event.type === 'conversation.item.create')
    expect(sent).toMatchObject({ item: { content: [{ type: 'input_audio', audio: recording.toString('base64') }] } })
    await talker.close()
    checkWire(lab.toClients())
  })

  it('speak: the model answers as the server’s instructions say, not as the client’s', async () => {
    const talker = await connect(`wss://${lab.host}/v1/realtime`, await lab.token())
    const done = talker.answer()
    await talker.voice.speak('Anything at all', { speaker: 'echo' })
    expect((await done).audioBytes).toBeGreaterThan(4800)
    expect(JSON.stringify(lab.running.simulator.received.at(-1)?.events)).not.toContain('Anything at all')
    await talker.close()
  })
})
