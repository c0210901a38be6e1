// rt-client, Microsoft's first preview SDK: what a user of it writes, in Node and in a page.
import { type RTAudioContent, RTClient, type RTResponse, type RTTextContent } from 'rt-client'
import { pieces, RATE, spokenPcm } from './support/speech.js'
import type { Answer, OwnCall, Talker } from './support/turns.js'

export async function connect(host: string, token: string): Promise<Talker> {
  return talk(new RTClient(new URL(`wss://${host}`), { key: token }, { deployment: 'gpt-4o-realtime-preview' }))
}

/** As with an Entra credential. */
export async function connectWithToken(host: string, token: string): Promise<Talker> {
  const getToken = async () => ({ token, expiresOnTimestamp: Date.now() + 60_000 })
  return talk(new RTClient(new URL(`wss://${host}`), { getToken }, { deployment: 'gpt-4o-realtime-preview' }))
}

async function talk(client: RTClient): Promise<Talker> {
  await client.configure({
    modalities: ['text', 'audio'],
    input_audio_format: 'pcm16',
    turn_detection: { type: 'server_vad', threshold: 0.5, silence_duration_ms: 300 },
    input_audio_transcription: { model: 'whisper-1' },
    tools: [{ type: 'function', name: 'show_on_screen', description: 'Shows a text.', parameters: { type: 'object', properties: {} } }],
  })
  const say = async (text: string) => {
    await client.sendItem({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] })
    return client.generateResponse()
  }
  return {
    ask: async (text) => (await read(client, await say(text))).answer,
    async speak(speechMs) {
      const events = client.events()[Symbol.asyncIterator]()
      for (const piece of pieces(spokenPcm(RATE, speechMs))) await client.sendAudio(piece)
      const input = await events.next()
      if (input.done || input.value.type !== 'input_audio') throw new Error('no speech noticed')
      const response = await events.next()
      if (response.done || response.value.type !== 'response') throw new Error('no response')
      const { answer } = await read(client, response.value)
      await input.value.waitForCompletion()
      await events.return?.()
      return { ...answer, heard: input.value.transcription }
    },
    async ownTool(text) {
      const { calls } = await read(client, await say(text))
      for (const call of calls) await client.sendItem({ type: 'function_call_output', call_id: call.callId, output: 'it is on screen now' })
      const { answer } = await read(client, await client.generateResponse())
      return { ...answer, called: calls }
    },
    async write(text) {
      await client.configure({ modalities: ['text'] })
      return (await read(client, await say(text))).answer
    },
    close: () => client.close(),
  }
}

interface Read {
  readonly answer: Answer
  readonly calls: readonly (OwnCall & { callId: string })[]
}

async function read(client: RTClient, response: RTResponse | undefined): Promise<Read> {
  if (!response) throw new Error('no response')
  let text = ''
  let audioBytes = 0
  const calls: (OwnCall & { callId: string })[] = []
  for await (const item of response) {
    if (item.type === 'function_call') {
      await item.waitForCompletion()
      calls.push({ name: item.functionName, arguments: item.arguments, callId: item.callId })
      continue
    }
    for await (const content of item as AsyncIterable<RTAudioContent | RTTextContent>) {
      if (content.type === 'text') {
        for await (const chunk of content.textChunks()) text += chunk
        continue
      }
      const hear = async () => {
        for await (const chunk of content.audioChunks()) audioBytes += chunk.length
      }
      const see = async () => {
        for await (const chunk of content.transcriptChunks()) text += chunk
      }
      await Promise.all([hear(), see()])
    }
  }
  if (response.status === 'incomplete') {
    // What broke off goes on in another response.
    const next = await client.events()[Symbol.asyncIterator]().next()
    const rest = await read(client, next.value?.type === 'response' ? next.value : undefined)
    return { answer: { text: text + rest.answer.text, audioBytes: audioBytes + rest.answer.audioBytes }, calls: [...calls, ...rest.calls] }
  }
  if (response.status !== 'completed') throw new Error(`response ended as ${response.status}`)
  return { answer: { text, audioBytes }, calls }
}
