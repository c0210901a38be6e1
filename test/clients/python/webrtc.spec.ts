// semantic-kernel's WebRTC classes, unmodified, in a shared call: typed and spoken turns, and a tool that the relay runs.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { INSTRUCTIONS } from '../../support/running-relay.js'
import { HEARD_QUESTION, type Lab, openLab } from '../support/lab.js'
import { RATE, spokenPcm } from '../support/speech.js'
import type { Answer } from '../support/turns.js'
import { hex, startChild } from './child.js'

let lab: Lab
beforeAll(async () => {
  lab = await openLab({ upstream: 'ga', env: { WEBRTC: 'shared' } })
})
afterAll(() => lab?.close())
beforeEach(() => lab.forget())

it.each([
  ['openai', 'OpenAIRealtimeWebRTC'],
  ['azure-key', 'AzureRealtimeWebRTC with a key'],
  ['azure-token', 'AzureRealtimeWebRTC with a token'],
])(
  '%s: %s talks, is heard, and has the server’s instructions and tool',
  async (way) => {
    const child = startChild('semantic_kernel_webrtc.py', [way, lab.host, await lab.token()])
    const hello = await child.call<Answer>({ do: 'ask', text: 'Good morning' })
    expect(hello.text).toContain('You said: Good morning.')
    const before = lab.running.toolRequests.length
    const spoken = await child.call<Answer & { heard: string }>({ do: 'speak', pcm: hex(spokenPcm(RATE, 1500)) })
    expect(spoken.heard).toBe(HEARD_QUESTION)
    expect(lab.running.toolRequests.slice(before)).toEqual(['POST /weather {"city":"Oslo"}'])
    expect(spoken.text).toContain('sunny in Oslo')
    expect(spoken.audioBytes).toBeGreaterThan(10)
    // What the class sent for a session was put right.
    const updates = lab.running.simulator.received.at(-1)?.events.filter(({ type }) => type === 'session.update') ?? []
    const instructions = updates.map(({ session }) => (session as { instructions?: string }).instructions)
    expect(instructions).toContain('The relay has its own.')
    expect(instructions.at(-1)).toBe(INSTRUCTIONS)
    expect(lab.running.simulator.calls()).toHaveLength(1)
    await child.close()
    await expect.poll(() => lab.running.simulator.calls(), { timeout: 10_000 }).toEqual([])
  },
  60_000,
)
