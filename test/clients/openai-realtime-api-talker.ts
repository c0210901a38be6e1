// openai-realtime-api, the reference client of the preview in TypeScript: in Node by headers, in a page by subprotocol.
import { RealtimeClient } from 'openai-realtime-api'
import { RATE, spokenPcm } from './support/speech.js'
import type { Answer, OwnCall, Talker } from './support/turns.js'

export async function connect(host: string, token: string): Promise<Talker> {
  const client = new RealtimeClient({
    url: `wss://${host}/openai/realtime`,
    apiKey: token,
    dangerouslyAllowAPIKeyInBrowser: true,
    sessionConfig: { turn_detection: { type: 'server_vad', silence_duration_ms: 300 } },
  })
  const called: OwnCall[] = []
  client.addTool({ name: 'show_on_screen', description: 'Shows a text.', parameters: { type: 'object', properties: { text: { type: 'string' } } } }, async (input: unknown) => {
    called.push({ name: 'show_on_screen', arguments: JSON.stringify(input) })
    return 'it is on screen now'
  })
  let failed: (error: Error) => void = () => {}
  client.realtime.on('server.error', (event) => failed(new Error(event.error.message)))
  /** The next assistant message that is complete: its words and sound as the library put them together. */
  const answer = () =>
    new Promise<Answer>((resolve, reject) => {
      failed = reject
      const onItem = ({ item }: { item: { type?: string; role?: string; formatted: { transcript?: string; text?: string; audio?: Int16Array } } }) => {
        if (item.type !== 'message' || item.role !== 'assistant') return
        client.off('conversation.item.completed', onItem as never)
        resolve({ text: item.formatted.transcript || item.formatted.text || '', audioBytes: (item.formatted.audio?.length ?? 0) * 2 })
      }
      client.on('conversation.item.completed', onItem as never)
    })
  await client.connect()
  await client.waitForSessionCreated()
  const ask = (text: string) => {
    const done = answer()
    client.sendUserMessageContent([{ type: 'input_text', text }])
    return done
  }
  return {
    ask,
    async speak(speechMs) {
      const done = answer()
      client.appendInputAudio(new Int16Array(spokenPcm(RATE, speechMs).buffer))
      const result = await done
      const user = client.conversation.getItems().findLast((item) => item.type === 'message' && item.role === 'user')
      return { ...result, heard: user?.formatted.transcript }
    },
    async ownTool(text) {
      called.length = 0
      const result = await ask(text)
      return { ...result, called: [...called] }
    },
    write(text) {
      client.updateSession({ modalities: ['text'] })
      return ask(text)
    },
    async close() {
      client.disconnect()
    },
  }
}
