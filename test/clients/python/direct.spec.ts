// Python's realtime clients straight at the simulator: run by `npm run test:python`, with an environment of their own.
import { afterEach, describe, expect, it } from 'vitest'
import { type Direct, type DirectTalker, fiveTurns, KEY, microphone, missingVoice, openDirect } from '../support/direct.js'
import { hex, startChild } from './child.js'

function connect(library: string, way: string, host: string): DirectTalker {
  const child = startChild(`direct_${library}.py`, [way, host, KEY], process.env.DIRECT_TEST_PYTHON)
  return {
    ask: (text) => child.call({ do: 'ask', text }),
    speak: (pcm) => child.call({ do: 'speak', pcm: hex(pcm) }),
    call: (text) => child.call({ do: 'call', ...(library === 'pipecat' ? { pcm: hex(microphone(text)) } : { text }) }),
    interrupt: (text, pcm) => child.call({ do: 'interrupt', ...(library === 'pipecat' ? { pcm: hex(microphone(text)), objection_pcm: hex(pcm) } : { text, pcm: hex(pcm) }) }),
    close: () => child.close(),
  }
}

const AZURE = '/openai/v1/realtime?model=voice'
const PREVIEW = '/openai/realtime?api-version=2025-04-01-preview&deployment=voice'
const OPENAI = '/v1/realtime?model=gpt-realtime'
/** Of this model a remark goes before a call. Pipecat's default. */
const OPENAI_2 = '/v1/realtime?model=gpt-realtime-2.1'

describe.skipIf(missingVoice.length > 0)(`Python and the simulator${missingVoice.map((name) => ` (${name} is missing)`)}`, () => {
  let direct: Direct
  afterEach(() => direct?.close())

  it.each([
    ['openai', 'openai', OPENAI],
    ['openai', 'azure', AZURE],
    ['openai', 'azure-preview', PREVIEW],
    ['livekit', 'openai', OPENAI],
    ['livekit', 'azure', AZURE],
    ['livekit', 'azure-preview', PREVIEW],
    ['pipecat', 'openai', OPENAI_2],
    ['pipecat', 'azure', AZURE],
    ['pydantic_ai', 'openai', OPENAI_2],
    ['pydantic_ai', 'azure', AZURE],
    ['pydantic_ai', 'voice-live', /^\/voice-live\/realtime\?/],
  ] as const)('%s on the path of %s', async (library, way, target) => {
    // For Azure pydantic-ai dials nothing but `wss`.
    direct = await openDirect({ style: way === 'openai' ? 'openai' : 'azure', wss: library === 'pydantic_ai' && way !== 'openai' })
    await fiveTurns(direct, connect(library, way, direct.host), target)
    expect(direct.simulator.received.at(-1)?.closeCode).toBeDefined()
  })
})
