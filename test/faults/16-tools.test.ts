// Faults 16 and 17: a tool's back end hangs, fails, resets, sends garbage, or floods. The model gets an error and the session goes on.
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { type RelayProcess, roundTrip, startRelayProcess } from './relay-process.js'

const BACK_END_TEXT = 'canary-back-end-stack-trace'
const BOMB = gzipSync(Buffer.alloc(64 * 1024 * 1024))
let answer: (response: ServerResponse) => void = () => {}
let aborted = 0
let upstream: Simulator
let relay: RelayProcess
const backEnd = createServer((request, response) => {
  request.resume()
  response.on('close', () => {
    if (!response.writableFinished) aborted++
  })
  answer(response)
})

beforeAll(async () => {
  backEnd.listen(0, '127.0.0.1')
  await once(backEnd, 'listening')
  upstream = await startSimulator({ speed: Number.POSITIVE_INFINITY })
  const url = `http://127.0.0.1:${(backEnd.address() as AddressInfo).port}/weather`
  const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
  const tool = { type: 'function', name: 'get_weather', description: 'Tells the weather in a city.', parameters, run: { http: { method: 'POST', url } } }
  relay = await startRelayProcess({ upstream: upstream.url, env: { TOOLS: JSON.stringify([tool]), TOOL_TIMEOUT_SECONDS: '1' } })
})
afterAll(async () => {
  await relay.stop()
  await upstream.close()
  backEnd.close()
  backEnd.closeAllConnections()
})

/** Asks for the weather and resolves with the tool result that the model got. */
async function outputOf(meanwhile: (client: Awaited<ReturnType<RelayProcess['connect']>>) => Promise<void> = async () => {}): Promise<string> {
  const client = await relay.connect()
  await client.next('session.created')
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'What is the weather in Paris?' }] } })
  client.send({ type: 'response.create' })
  await meanwhile(client)
  await client.next('response.done')
  expect(client.frames.join()).not.toContain(BACK_END_TEXT)
  client.close()
  const events = upstream.received.at(-1)?.events ?? []
  const item = events.map((event) => event.item as { type?: string; output?: string } | undefined).find((one) => one?.type === 'function_call_output')
  return item?.output ?? 'no output'
}

it('16. a hanging tool ends at its time-out, and the session goes on meanwhile', async () => {
  answer = () => {}
  aborted = 0
  const output = await outputOf(async (client) => {
    for (let n = 0; n < 20; n++) expect(await roundTrip(client)).toBeLessThan(900)
  })
  expect(output).toBe('The tool did not answer within 1 s.')
  await expect.poll(() => aborted, { timeout: 2000, interval: 10 }).toBe(1)
  await relay.nothingLeft()
})

it.each<[string, (response: ServerResponse) => void]>([
  ['status 500 with a stack trace', (response) => void response.writeHead(500).end(BACK_END_TEXT)],
  ['a reset', (response) => void response.socket?.resetAndDestroy()],
  ['half an answer', (response) => void response.writeHead(200, { 'content-length': '1000' }).write('half', () => response.destroy())],
  ['no HTTP', (response) => void response.socket?.end(`${BACK_END_TEXT}\r\n\r\n`)],
  [
    '64 MB',
    (response) => {
      response.writeHead(200, { 'content-type': 'text/plain' })
      const chunk = 'x'.repeat(1024 * 1024)
      let sent = 0
      const more = () => {
        while (sent < 64 && !response.destroyed) {
          sent++
          if (!response.write(chunk)) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    },
  ],
  ['a compression bomb', (response) => void response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }).end(BOMB)],
])('17. %s: the model reads an error or a cut text, and no words of the back end', async (_, how) => {
  answer = how
  const before = await relay.metric('process_resident_memory_bytes')
  const output = await outputOf()
  expect(output).not.toBe('no output')
  expect(output).not.toContain(BACK_END_TEXT)
  expect(Buffer.byteLength(output)).toBeLessThanOrEqual(64 * 1024)
  expect((await relay.metric('process_resident_memory_bytes')) - before).toBeLessThan(60e6)
  await relay.nothingLeft()
})
