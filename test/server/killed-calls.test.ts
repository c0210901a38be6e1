// A relay with ten calls by WebRTC, or by SIP, that is killed: another one goes on with them within ten seconds, or hangs up; without Redis the next start hangs up.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadAuthConfig } from '../../src/config/load.js'
import type { CarrierCall } from '../../src/simulator/carriers/carrier.js'
import { createSip } from '../../src/simulator/carriers/sip.js'
import { speakInTones } from '../../src/simulator/speech-tones.js'
import { type Caller, connectCaller, offering } from '../simulator/caller.js'
import { type OwnRedis, startRedis } from '../support/redis.js'
import { SECRET } from '../support/running-relay.js'
import { type RelayProcess, type SharedRelays, shareRelays } from '../support/shared-relays.js'
import { SIP_SECRET } from '../support/sip-ring.js'

const CALLS = 10
const WITHIN_MS = 10_000
const auth = loadAuthConfig({ JWT_SECRET: SECRET })

let redis: OwnRedis
let relays: SharedRelays
const callers: Caller[] = []
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())
beforeEach(async () => {
  relays = await shareRelays(redis.url, { heardText: 'What is the weather in Oslo?' })
})
afterEach(async () => {
  for (const caller of callers.splice(0)) caller.leave()
  await relays.close()
})

async function callsOf({ url }: RelayProcess): Promise<void> {
  for (let n = 0; n < CALLS; n++) {
    const peer = await offering()
    const headers = { authorization: `Bearer ${await mintToken(auth, { subject: `user-${n}`, ttlSeconds: 600 })}`, 'content-type': 'application/sdp' }
    const answer = await fetch(`${url}/v1/realtime/calls`, { method: 'POST', headers, body: peer.sdp })
    expect(answer.status).toBe(201)
    callers.push(await connectCaller({ ...peer, channel: undefined }, answer))
  }
  await expect.poll(() => relays.simulator.calls().map(({ connected, sidebands }) => [connected, sidebands])).toEqual(Array(CALLS).fill([true, 1]))
}

it('another relay on the same Redis holds the calls within ten seconds, and answers in them', async () => {
  const env = { WEBRTC: 'media-only' }
  const [a, b] = await Promise.all([relays.start(env), relays.start(env)])
  await callsOf(a)
  a.command.child.kill('SIGKILL')
  const killedAt = performance.now()
  await expect.poll(() => relays.simulator.calls().filter(({ sidebands }) => sidebands === 0).length, { timeout: 5000 }).toBe(CALLS)
  await expect.poll(() => relays.simulator.calls().map(({ sidebands }) => sidebands), { timeout: WITHIN_MS + 20_000 }).toEqual(Array(CALLS).fill(1))
  const tookMs = performance.now() - killedAt
  console.info(`adopted after ${Math.round(tookMs)} ms`)
  expect(tookMs).toBeLessThan(WITHIN_MS)
  // Counted once the lock is seen in force, a moment after the sideband is there.
  const adoptions = async () => (await (await fetch(`${b.adminUrl}/metrics`)).text()).split('\n').find((line) => line.startsWith('relay_call_adoptions_total{result="adopted"}'))
  await expect.poll(adoptions).toBe(`relay_call_adoptions_total{result="adopted"} ${CALLS}`)
  const [caller] = callers as [Caller]
  await caller.speak(1200)
  await caller.speak(1200, 127)
  await caller.until('sound', () => caller.packets.length > 20)
  expect(relays.toolRequests).toEqual(['POST /weather'])
}, 90_000)

it('another relay on the same Redis holds calls by SIP within ten seconds, and answers in them', async () => {
  const env = { PUBLIC_URL: 'https://relay.example', SIP_WEBHOOK_SECRET: SIP_SECRET, TELEPHONY_PROFILE: '{"*":"default"}' }
  const [a, b] = await Promise.all([relays.start(env), relays.start(env)])
  const trunk = createSip({ simulator: relays.simulator, relayUrl: a.url, secret: SIP_SECRET })
  const calls = await Promise.all(Array.from({ length: CALLS }, (_, n) => trunk.ring({ from: `+1425555010${n}`, to: '+18005550199' })))
  await Promise.all(calls.map(({ connected }) => connected))
  await expect.poll(() => relays.simulator.calls().map(({ sidebands }) => sidebands), { timeout: 5000 }).toEqual(Array(CALLS).fill(1))
  a.command.child.kill('SIGKILL')
  const killedAt = performance.now()
  await expect.poll(() => relays.simulator.calls().filter(({ sidebands }) => sidebands === 0).length, { timeout: 5000 }).toBe(CALLS)
  await expect.poll(() => relays.simulator.calls().map(({ sidebands }) => sidebands), { timeout: WITHIN_MS + 20_000 }).toEqual(Array(CALLS).fill(1))
  expect(performance.now() - killedAt).toBeLessThan(WITHIN_MS)
  const adoptions = async () => (await (await fetch(`${b.adminUrl}/metrics`)).text()).split('\n').find((line) => line.startsWith('relay_call_adoptions_total{result="adopted"}'))
  await expect.poll(adoptions).toBe(`relay_call_adoptions_total{result="adopted"} ${CALLS}`)
  const [call] = calls as [CarrierCall]
  await call.say(speakInTones('What is the weather in Oslo?', { voice: 'alloy', speed: 1 }).pcm)
  await expect.poll(() => call.queuedMs, { timeout: 5000 }).toBeGreaterThan(0)
  expect(relays.toolRequests).toEqual(['POST /weather'])
  await trunk.close()
}, 90_000)

it('without Redis, the next start hangs up what the journal lists', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'relay-calls-'))
  try {
    const env = { WEBRTC: 'media-only', REDIS_URL: '', RESUME_STORE: '', CALLS_JOURNAL: join(folder, 'calls') }
    const a = await relays.start(env)
    await callsOf(a)
    a.command.child.kill('SIGKILL')
    await a.command.ended
    expect(relays.simulator.calls()).toHaveLength(CALLS)
    await relays.start(env)
    await expect.poll(() => relays.simulator.calls(), { timeout: WITHIN_MS }).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)
