// Spoken calls by SIP through a whole relay and the simulator: what a caller hears, what the relay does for him, how a call ends, and who never gets in.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { CarrierCall } from '../../src/simulator/carriers/carrier.js'
import { createSip, type SimulatedSip, type SipRing } from '../../src/simulator/carriers/sip.js'
import type { ScriptAnswer } from '../../src/simulator/script.js'
import { speakInTones } from '../../src/simulator/speech-tones.js'
import { INSTRUCTIONS, type RunningOptions, type RunningRelay, runRelay } from '../support/running-relay.js'
import { CALLED, CALLER, SIP_SECRET } from '../support/sip-ring.js'

const VOICE = { voice: 'alloy', speed: 1 }
const WORDS = speakInTones('What is the weather in Oslo?', VOICE).pcm
const STORY = 'Once upon a time there was a lamp on a rock in the sea and every night it burned for the ships that came home from far away with wool and wine and letters.'

const folder = mkdtempSync(join(tmpdir(), 'relay-sip-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let own: RunningRelay
let trunk: SimulatedSip
let logged = ''
afterEach(async () => {
  await trunk?.close()
  await own?.close()
})

interface Starting extends RunningOptions {
  readonly profile?: object
  readonly answers?: readonly ScriptAnswer[]
  readonly hears?: readonly string[]
}

async function start({ profile, answers, hears = ['What is the weather in Oslo?'], ...options }: Starting = {}): Promise<void> {
  logged = ''
  const sink: NonNullable<RunningOptions['extras']> = {
    sink: () => ({
      write(line) {
        logged += line
      },
      dropped: 0,
      flush: async () => undefined,
    }),
  }
  const script = answers ? { script: { hears, answers } } : { heardText: hears[0] ?? '' }
  own = await runRelay({
    extras: sink,
    ...options,
    simulator: { ...script, ...options.simulator },
    env: {
      LOG_LEVEL: 'debug',
      PUBLIC_URL: 'https://relay.example',
      SIP_WEBHOOK_SECRET: SIP_SECRET,
      TELEPHONY_PROFILE: JSON.stringify({ '*': 'default' }),
      ...(profile && { PROFILES_FILE: fileOf({ phone: { instructions: INSTRUCTIONS, ...profile } }), TELEPHONY_PROFILE: JSON.stringify({ '*': 'phone' }) }),
      ...(options.env as object),
    },
  })
  trunk = createSip({ simulator: own.simulator, relayUrl: own.relay.url, secret: SIP_SECRET })
}
function fileOf(profiles: object): string {
  const file = join(folder, 'profiles.json')
  writeFileSync(file, JSON.stringify(profiles))
  return file
}
async function ring(over: Partial<SipRing> = {}): Promise<CarrierCall> {
  const call = await trunk.ring({ from: CALLER, to: CALLED, ...over })
  await call.connected
  await expect.poll(() => logged, { timeout: 5000 }).toContain('SIP call accepted')
  return call
}
const sent = (type: string) => own.simulator.received.flatMap(({ events }) => events.filter((event) => event.type === type))
const isSilent = (pcm: Buffer) => pcm.every((byte) => byte === 0)
async function asOperator(path: string, body: object): Promise<void> {
  const headers = { authorization: `Bearer ${await own.token('operator', { scope: 'relay:admin' })}`, 'content-type': 'application/json' }
  const answer = await fetch(`${own.relay.adminUrl}/v1/admin${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  expect(answer.status).toBeLessThan(300)
}
const subjectOf = async () => /tel:[0-9a-f]{32}/.exec(JSON.stringify(await pictured()))?.[0] ?? ''
async function pictured(): Promise<unknown> {
  const headers = { authorization: `Bearer ${await own.token('operator', { scope: 'relay:admin' })}` }
  return (await fetch(`${own.relay.adminUrl}/v1/admin/sessions`, { headers })).json()
}

describe('a caller by SIP', { timeout: 30_000 }, () => {
  it('is greeted, asks, and hears what the server’s tool says; the audio never passes the relay', async () => {
    await start({ profile: { manners: { greeting: 'Say hello.' } } })
    const call = await ring()
    await expect.poll(() => call.queuedMs, { timeout: 5000 }).toBeGreaterThan(0)
    await expect.poll(() => call.queuedMs, { timeout: 10_000 }).toBe(0)
    const greeted = call.heard().length
    await call.say(WORDS)
    await expect.poll(() => own.toolRequests, { timeout: 5000 }).toEqual(['POST /weather {"city":"Oslo"}'])
    await expect.poll(() => isSilent(call.heard().subarray(greeted + WORDS.length)), { timeout: 5000 }).toBe(false)
    expect(sent('input_audio_buffer.append')).toEqual([])
    expect(sent('session.update')[0]).toMatchObject({ session: { instructions: INSTRUCTIONS } })
    const [conversation] = own.simulator.conversations()
    expect(JSON.stringify(conversation?.items)).toContain('sunny in Oslo')
    await call.hangUp()
    await expect.poll(() => own.simulator.calls()).toEqual([])
    expect(await call.ended).toEqual({ by: 'caller' })
  })

  it('interrupts an answer: it falls silent at once', async () => {
    await start({ answers: [{ reply: [{ say: STORY }] }], hears: ['tell me a story'] })
    const call = await ring()
    await call.say(WORDS)
    await expect.poll(() => call.queuedMs, { timeout: 5000 }).toBeGreaterThan(3000)
    await call.say(WORDS)
    await expect.poll(() => call.clearedAt.length, { timeout: 5000 }).toBeGreaterThan(0)
    await call.hangUp()
  })

  it('presses keys, which the tools get and nobody else', async () => {
    await start({ profile: { manners: { keys: 'tools' } } })
    const call = await ring()
    for (const key of '4711#') call.press(key)
    await call.say(WORDS)
    await expect.poll(() => own.toolRequests.length, { timeout: 5000 }).toBe(1)
    expect(JSON.stringify([sent('conversation.item.create'), own.simulator.conversations()])).not.toMatch(/4711|4 7 1 1/)
    expect(logged).not.toMatch(/4711|"key":/)
    await call.hangUp()
  })

  it('is transferred to whom the admin named, and the call ends', async () => {
    await start({
      profile: { manners: { transferTo: { sales: '+14255550123' } } },
      answers: [{ on: { says: 'sales' }, reply: [{ call: { name: 'transfer_call', arguments: { to: 'sales' } } }] }, { reply: [{ say: 'Yes.' }] }],
      hears: ['sales please'],
    })
    const call = await ring()
    await call.say(WORDS)
    expect(await call.ended).toEqual({ by: 'relay', transferredTo: 'tel:+14255550123' })
    await expect.poll(async () => own.simulator.sessions()).toBe(0)
    expect(logged).not.toContain('4255550123')
  })

  it('is not transferred to anybody else', async () => {
    await start({
      profile: { manners: { transferTo: { sales: '+14255550123' } } },
      answers: [{ on: { says: 'premium' }, reply: [{ call: { name: 'transfer_call', arguments: { to: '+19005550666' } } }] }, { reply: [{ say: 'No.' }] }],
      hears: ['premium please'],
    })
    const call = await ring()
    await call.say(WORDS)
    await expect.poll(() => sent('conversation.item.create').length, { timeout: 5000 }).toBeGreaterThan(0)
    expect(own.simulator.calls()).toHaveLength(1)
    await call.hangUp()
  })

  it('is hung up by the model once the goodbye was heard', async () => {
    await start({
      profile: { manners: { hangUp: true } },
      answers: [{ on: { says: 'bye' }, reply: [{ say: 'Goodbye, and thank you.' }, { call: { name: 'hang_up', arguments: {} } }] }],
      hears: ['bye'],
    })
    const call = await ring()
    await call.say(WORDS)
    expect(await call.ended).toEqual({ by: 'relay' })
    const goodbye = speakInTones('Goodbye, and thank you.', VOICE).pcm
    expect(call.heard().length).toBeGreaterThan(goodbye.length)
    expect(call.heard().includes(goodbye.subarray(-9600))).toBe(true)
  })

  it.each([
    ['an operator ends it', async (subject: string) => asOperator(`/users/${encodeURIComponent(subject)}/end`, {})],
    ['its number is revoked', async (subject: string) => asOperator('/revoke', { subject, untilSeconds: Math.floor(Date.now() / 1000) + 600 })],
    ['its longest time is over', async () => undefined],
    ['the relay drains', async () => void own.relay.drain()],
  ])('is hung up when %s', async (why, end) => {
    await start(why === 'its longest time is over' ? { env: { MAX_SESSION_SECONDS: '3' } } : why === 'the relay drains' ? { env: { DRAIN_SECONDS: '3' } } : {})
    const call = await ring()
    await end(await subjectOf())
    expect(await call.ended).toEqual({ by: 'relay' })
    await expect.poll(() => own.simulator.calls()).toEqual([])
  })

  it('keeps talking while the relay’s sideband is lost and comes back', async () => {
    await start()
    const call = await ring()
    own.simulator.setFaults({ end: { how: 'rst', at: 'now', sidebandsOnly: true, times: 1 } })
    own.simulator.setFaults({})
    await expect.poll(() => own.simulator.calls().map(({ sidebands }) => sidebands), { timeout: 5000 }).toEqual([1])
    await call.say(WORDS)
    await expect.poll(() => own.toolRequests.length, { timeout: 10_000 }).toBe(1)
    await call.hangUp()
  })
})

describe('nobody gets in', { timeout: 30_000 }, () => {
  it.each([
    ['with another secret', { secret: `whsec_${Buffer.from('another key').toString('base64')}` }, 'refused with 401'],
    ['with an old webhook', { offsetSeconds: -400 }, 'refused with 401'],
    ['with a webhook from the future', { offsetSeconds: 400 }, 'refused with 401'],
  ])('%s', async (_how, over, problem) => {
    await start()
    const call = await trunk.ring({ from: CALLER, to: CALLED, ...over })
    await expect(call.connected).rejects.toThrow(problem)
    expect([own.simulator.calls(), own.simulator.sessions()]).toEqual([[], 0])
  })

  it.each([
    ['without a number, if those are refused', { TELEPHONY_WITHHELD: 'refuse' }, { from: undefined }, 603],
    ['on the list of those who may not', { TELEPHONY_CALLERS: JSON.stringify({ deny: ['+1425*'] }) }, {}, 603],
    ['of a number that has no profile', { TELEPHONY_PROFILE: JSON.stringify({ '+18005550000': 'default' }) }, {}, 603],
  ])('%s', async (_how, env, over, status) => {
    await start({ env })
    const call = await trunk.ring({ from: CALLER, to: CALLED, ...over })
    await expect(call.connected).rejects.toThrow(`rejected with SIP status ${status}`)
    expect(own.simulator.sessions()).toBe(0)
  })

  it('twice with one call, however often it is announced', async () => {
    await start()
    const call = await ring({ copies: 8 })
    expect([own.simulator.calls().length, own.simulator.sessions()]).toEqual([1, 1])
    await call.hangUp()
  })

  it('as more than the callers that may be at once', async () => {
    await start({ env: { TELEPHONY_LIMITS: JSON.stringify({ perCaller: 1, perCallerPerHour: 10_000 }) } })
    const first = await ring()
    const second = await trunk.ring({ from: CALLER, to: CALLED })
    await expect(second.connected).rejects.toThrow('rejected with SIP status 486')
    await first.hangUp()
    const connects = async () => {
      const third = await trunk.ring({ from: CALLER, to: CALLED })
      return third.connected.then(
        () => true,
        () => false,
      )
    }
    await expect.poll(connects, { timeout: 5000 }).toBe(true)
  })
})

it('no number, key, header or id of a call is in the log or in the metrics', async () => {
  await start({ profile: { manners: { keys: 'tools', greeting: 'canary greeting' } }, env: { TELEPHONY_CLAIMS: JSON.stringify({ account: 'header:x-account' }) } })
  const call = await ring({ headers: { 'X-Account': 'canary-account' } })
  const [{ id } = { id: '' }] = own.simulator.calls()
  call.press('5')
  await call.say(WORDS)
  await expect.poll(() => own.toolRequests.length, { timeout: 5000 }).toBe(1)
  await call.hangUp()
  await expect.poll(() => own.simulator.calls()).toEqual([])
  const told = logged + (await (await fetch(`${own.relay.adminUrl}/metrics`)).text())
  expect(told).toContain('SIP call accepted')
  for (const secret of [CALLER.slice(1), CALLED.slice(1), 'canary-account', 'canary greeting', id, SIP_SECRET.slice(6), INSTRUCTIONS]) expect(told).not.toContain(secret)
}, 30_000)
