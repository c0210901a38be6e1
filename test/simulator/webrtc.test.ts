// WebRTC calls to the simulator: how they begin and end, who hears what, and sound both ways over real ICE, DTLS and SRTP.
import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { type Caller, type CallerOptions, KEY, placeCall } from './caller.js'
import { type Client, connect, update, userText } from './client.js'

let simulator: Simulator
const callers: Caller[] = []
const clients: Client[] = []
beforeAll(async () => {
  simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY, heardText: 'Hello there.' })
})
afterEach(() => {
  for (const client of clients.splice(0)) client.close()
  for (const caller of callers.splice(0)) caller.leave()
})
afterAll(() => simulator.close())

async function call(options?: CallerOptions): Promise<Caller> {
  const caller = await placeCall(simulator, options)
  callers.push(caller)
  return caller
}
async function sideband(caller: Caller): Promise<Client> {
  const client = await connect(simulator, `/openai/v1/realtime?call_id=${caller.callId}`, KEY)
  clients.push(client)
  return client
}

describe('a spoken turn', () => {
  it('is heard, answered and played', async () => {
    const caller = await call()
    const side = await sideband(caller)
    await caller.speak(400)
    await caller.speak(400, 127)
    const events = await side.until('output_audio_buffer.stopped')
    console.log(events.map((e) => e.type).join('\n'), caller.events.map((e) => e.type), caller.packets.length)
  })
})
