// @openai/agents-realtime over WebRTC in a page: a ticket of the relay as its key, a microphone of the page's own making, answers from the data channel.
/// <reference lib="dom" />
import { OpenAIRealtimeWebRTC, RealtimeAgent, RealtimeSession } from '@openai/agents-realtime'
import type { Answer, Talker } from './support/turns.js'

const TRANSCRIPT = 'conversation.item.input_audio_transcription.completed'
const SPOKEN = 'response.output_audio_transcript.done'

export async function connect(host: string, token: string): Promise<Talker> {
  const minted = await fetch(`https://${host}/v1/realtime/client_secrets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ session: { type: 'realtime', model: 'gpt-realtime' } }),
  })
  const { value } = (await minted.json()) as { value: string }
  const sound = new AudioContext({ sampleRate: 48_000 })
  const microphone = sound.createMediaStreamDestination()
  let peer: RTCPeerConnection | undefined
  const transport = new OpenAIRealtimeWebRTC({
    mediaStream: microphone.stream,
    changePeerConnection(made) {
      peer = made
      return made
    },
  })
  const session = new RealtimeSession(new RealtimeAgent({ name: 'Helper', instructions: 'The relay has its own.' }), { transport, model: 'gpt-realtime' })
  const listeners = new Set<(event: { type: string; transcript?: string; error?: unknown }) => void>()
  transport.on('*', (event) => {
    for (const listener of listeners) listener(event)
  })
  const packets = async () => {
    for (const report of (await peer?.getStats())?.values() ?? []) if (report.type === 'inbound-rtp') return report.packetsReceived as number
    return 0
  }
  const answer = async (begin: () => void): Promise<Answer & { heard?: string }> => {
    const before = await packets()
    const said = await new Promise<{ text: string; heard?: string }>((resolve, reject) => {
      let heard: string | undefined
      const listener = ({ type, transcript, error }: { type: string; transcript?: string; error?: unknown }) => {
        if (type === TRANSCRIPT) heard = transcript
        if (type === 'error') reject(new Error(JSON.stringify(error)))
        if (type !== SPOKEN) return
        listeners.delete(listener)
        resolve({ text: transcript ?? '', ...(heard !== undefined && { heard }) })
      }
      listeners.add(listener)
      begin()
    })
    while ((await packets()) < before + 20) await new Promise((resolve) => setTimeout(resolve, 50))
    return { ...said, audioBytes: (await packets()) - before }
  }
  await session.connect({ url: `https://${host}/v1/realtime/calls`, apiKey: value })
  return {
    ask: (text) => answer(() => session.sendMessage(text)),
    speak: (speechMs = 600) =>
      answer(() => {
        const voice = sound.createOscillator()
        voice.connect(microphone)
        voice.start()
        voice.stop(sound.currentTime + speechMs / 1000)
      }),
    async close() {
      session.close()
      await sound.close()
    },
  }
}
