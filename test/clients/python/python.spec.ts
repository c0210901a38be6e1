// The Python clients, each in a process of its own that trusts the relay's certificate: run by `npm run test:python`.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Lab, openLab, UPSTREAMS } from '../support/lab.js'
import { RATE, spokenPcm } from '../support/speech.js'
import { fourTurns, type Talker } from '../support/turns.js'
import { hex, startChild } from './child.js'

/** The client's function has the name that semantic-kernel gives it: plugin, hyphen, function. */
const SCREEN = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] }
const CLIENT_TOOL = (name: string) => ({ type: 'function', name, description: 'Shows a text on the screen.', parameters: SCREEN, run: 'client' })

function connect(script: string, way: string, host: string, token: string): Talker {
  const child = startChild(script, [way, host, token])
  return {
    ask: (text) => child.call({ do: 'ask', text }),
    speak: (speechMs) => child.call({ do: 'speak', pcm: hex(spokenPcm(RATE, speechMs)) }),
    ownTool: (text) => child.call({ do: 'own_tool', text }),
    close: () => child.close(),
  }
}

describe.each(UPSTREAMS)('on a %s upstream', (upstream) => {
  let lab: Lab
  let kernelLab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream })
    kernelLab = await openLab({ upstream, clientTool: CLIENT_TOOL('screen-show_on_screen') })
  })
  afterAll(async () => {
    await lab?.close()
    await kernelLab?.close()
  })
  beforeEach(() => {
    lab.forget()
    kernelLab.forget()
  })

  it.each([
    ['openai', /^\/v1\/realtime\?model=gpt-realtime$/],
    ['openai-beta', /^\/v1\/realtime\?model=gpt-4o-realtime-preview$/],
    ['azure-key', /^\/openai\/realtime\?api-version=2025-04-01-preview&deployment=voice$/],
    ['azure-token', /^\/openai\/realtime\?api-version=2025-04-01-preview&deployment=voice$/],
    ['azure-ga', /^\/openai\/v1\/realtime\?api-version=2025-04-01-preview&deployment=voice$/],
  ])('openai for Python, %s: text, audio, a tool of the server, a tool of its own', async (way, target) => {
    await fourTurns(lab, connect('openai_client.py', way, lab.host, await lab.token()))
    expect(lab.targets()).toEqual([expect.stringMatching(target)])
  })

  it.each(['key', 'token'])('semantic-kernel AzureRealtimeWebsocket with a %s: text, audio, a tool of the server, a function of its own', async (way) => {
    await fourTurns(kernelLab, connect('semantic_kernel_client.py', way, kernelLab.host, await kernelLab.token()))
    expect(kernelLab.targets()).toEqual(['/openai/v1/realtime?model=voice'])
  })
})
