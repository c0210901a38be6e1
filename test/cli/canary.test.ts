// The command `canary` against a simulated service: as it is, with additions in its events, and one that refuses.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'

const run = promisify(execFile)
const KEY = 'canary-key-0123456789'

let simulator: Simulator
const open: { close(): void }[] = []
beforeEach(async () => {
  simulator = await startSimulator({ apiKey: KEY, deployments: ['gpt-realtime'], speed: Number.POSITIVE_INFINITY })
})
afterEach(async () => {
  for (const one of open.splice(0)) one.close()
  await simulator.close()
})

async function canary(endpoint: string, env: Record<string, string> = {}): Promise<{ readonly code: number; readonly text: string }> {
  const settings = {
    PATH: process.env.PATH ?? '',
    AZURE_OPENAI_ENDPOINT: endpoint,
    AZURE_OPENAI_DEPLOYMENT: 'gpt-realtime',
    AZURE_OPENAI_API_KEY: KEY,
    JWT_SECRET: 'a'.repeat(40),
    ...env,
  }
  return run(process.execPath, ['--import', 'tsx', 'src/cli.ts', 'canary'], { env: settings }).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    (error: { code: number; stdout: string }) => ({ code: error.code, text: error.stdout }),
  )
}

/** A service in front of the simulator that has moved on: what it sends has additions. */
async function movedOn(change: (event: Record<string, unknown>) => readonly object[]): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  open.push(server)
  await once(server, 'listening')
  server.on('connection', (client, request) => {
    const upstream = new WebSocket(`${simulator.url.replace('http', 'ws')}${request.url}`, { headers: { 'api-key': KEY } })
    const early: string[] = []
    client.on('message', (data) => (upstream.readyState === WebSocket.OPEN ? upstream.send(String(data)) : early.push(String(data))))
    upstream.on('open', () => {
      for (const text of early) upstream.send(text)
    })
    upstream.on('message', (data) => {
      for (const event of change(JSON.parse(String(data)))) client.send(JSON.stringify(event))
    })
    client.on('close', () => upstream.close())
    upstream.on('close', () => client.close())
    upstream.on('error', () => client.close())
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('the canary', () => {
  it('finds nothing in a service as the tables know it, in a typed and a spoken turn', async () => {
    const { code, text } = await canary(simulator.url)
    expect([code, text]).toEqual([0, expect.stringMatching(/^azure: \d{2,} events of 2\d types, all known\n$/)])
  })

  it('names each addition with its place and how often it came, and ends with 1', async () => {
    const endpoint = await movedOn((event) =>
      event.type === 'response.done'
        ? [
            { type: 'response.mood.updated', event_id: 'e' },
            { ...event, response: { ...(event.response as object), mood: 'a secret text of the conversation' } },
          ]
        : [event],
    )
    const { code, text } = await canary(endpoint)
    expect(code).toBe(1)
    expect(text).toMatch(/azure: unknown event: response\.mood\.updated \(\d\)/)
    expect(text).toMatch(/azure: unknown field: response\.done response\.mood \(\d\)/)
    expect(text).toContain('2 things unknown')
    expect(text).not.toContain('secret text')
  })

  it.each([
    ['a GA service', {}, 'session.audio.output.format.type', 'audio/opus', { audio: { output: { format: { type: 'audio/opus' } } } }],
    ['a preview service', { AZURE_OPENAI_API_VERSION: '2025-04-01-preview' }, 'session.audio.output.format', 'opus', { output_audio_format: 'opus' }],
  ])('names a value of %s that is new, with what it is, and ends with 1', async (_service, env, where, value, session) => {
    const endpoint = await movedOn((event) => {
      if (event.type === 'session.created') return [{ ...event, session: { ...(event.session as object), ...session } }]
      return event.type === 'response.done' ? [{ ...event, response: { ...(event.response as object), status: 'paused' } }] : [event]
    })
    const { code, text } = await canary(endpoint, env)
    expect(code).toBe(1)
    expect(text).toMatch(/azure: unknown value: response\.done response\.status = paused \(\d\)/)
    expect(text).toContain(`azure: unknown value: session.created ${where} = ${value} (1)`)
    expect(text).toContain('2 things unknown')
  })

  it('says where a session ended that was not whole, and ends with 2', async () => {
    const endpoint = await movedOn((event) => (event.type === 'session.updated' ? [{ type: 'error', error: { code: 'invalid_value', message: 'no' } }] : [event]))
    expect(await canary(endpoint)).toMatchObject({ code: 2, text: expect.stringContaining('not whole: refused at session.updated') })
  })

  it('ends with 2 if the service is not reached', async () => {
    expect(await canary('http://127.0.0.1:1')).toMatchObject({ code: 2, text: 'azure: not reached; `realtime-relay check` says why\n' })
  })

  it('works with a preview service', async () => {
    expect(await canary(simulator.url, { AZURE_OPENAI_API_VERSION: '2025-04-01-preview' })).toMatchObject({ code: 0 })
  })
})
