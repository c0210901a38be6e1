// The Python clients, each in a process of its own that trusts the relay's certificate: run by `npm run test:python`.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CA_FILE, type Lab, openLab, UPSTREAMS } from '../support/lab.js'
import { RATE, spokenPcm } from '../support/speech.js'
import { fourTurns, type Talker } from '../support/turns.js'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const PYTHON = process.env.RELAY_TEST_PYTHON ?? 'python3'

/** The client's function has the name that semantic-kernel gives it: plugin, hyphen, function. */
const SCREEN = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] }
const CLIENT_TOOL = (name: string) => ({ type: 'function', name, description: 'Shows a text on the screen.', parameters: SCREEN, run: 'client' })

function connect(script: string, way: string, host: string, token: string): Talker {
  const child = spawn(PYTHON, [`${HERE}${script}`, way, host, token], { env: { ...process.env, SSL_CERT_FILE: CA_FILE }, stdio: ['pipe', 'pipe', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', (data) => {
    complaints += data
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const call = async <T>(request: object): Promise<T> => {
    child.stdin.write(`${JSON.stringify(request)}\n`)
    const line = await lines.next()
    if (line.done) throw new Error(`${script} ended: ${complaints}`)
    const answer = JSON.parse(line.value)
    if (answer.error) throw new Error(`${answer.error}\n${complaints}`)
    return answer
  }
  return {
    ask: (text) => call({ do: 'ask', text }),
    speak: (speechMs) => call({ do: 'speak', pcm: Buffer.from(spokenPcm(RATE, speechMs)).toString('hex') }),
    ownTool: (text) => call({ do: 'ownTool', text }),
    async close() {
      const exit = once(child, 'exit')
      child.stdin.end()
      const [code] = await exit
      if (code !== 0) throw new Error(`${script} ended with ${code}: ${complaints}`)
    },
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
