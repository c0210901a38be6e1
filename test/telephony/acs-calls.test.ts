// Calls of ACS through a whole relay that end, are refused, lose their media or come beside each other. What is said in them is tested in acs.test.ts.
import { afterEach, describe, expect, it } from 'vitest'
import type { AcsCall } from '../../src/simulator/carriers/acs-call.js'
import { CALLED, CALLER, eventually, mediaStatus, openPhoneLab, type PhoneLab, type PhoneLabOptions, quiet } from './phone-lab.js'

let lab: PhoneLab
afterEach(() => lab?.close())

const OTHER = '+4915550002'
const GREETED = { profile: { manners: { greeting: 'Say hello.' } } }
const open = async (options: PhoneLabOptions = GREETED) => {
  lab = await openPhoneLab(options)
  return lab
}
async function greeted(from = CALLER): Promise<AcsCall> {
  const call = await lab.acs.ring({ from, to: CALLED })
  await call.connected
  await eventually('the greeting', () => call.queuedMs > 0)
  return call
}
const operations = () => lab.acs.seen.map(({ operation }) => operation)
const closedSessions = () => lab.log.filter((line) => line.includes('session_closed') || line.includes('session closed')).length

describe('a call', () => {
  it('that its caller ends leaves no session', async () => {
    await open()
    const call = await greeted()
    await call.hangUp()
    await eventually('the end of the session', () => closedSessions() === 1)
    expect(operations()).toEqual(['answer'])
  })

  it('is hung up when the relay drains', async () => {
    await open({ ...GREETED, acs: { restMs: 300 } })
    const call = await greeted()
    await lab.drain()
    // Before the process may exit.
    expect(operations()).toEqual(['answer', 'terminate'])
    expect(await call.ended).toEqual({ by: 'relay' })
  })

  it('refused by a list is forbidden, beyond a limit busy', async () => {
    await open({
      telephony: { callers: { allow: undefined, deny: [OTHER] }, limits: { perCaller: 1, withheld: 5, perNumber: 10, total: 10, perCallerPerHour: 100 } },
    })
    await expect((await lab.acs.ring({ from: OTHER, to: CALLED })).connected).rejects.toThrow('as forbidden')
    const first = await lab.acs.ring({ from: CALLER, to: CALLED })
    await first.connected
    await expect((await lab.acs.ring({ from: CALLER, to: CALLED })).connected).rejects.toThrow('as busy')
    await first.hangUp()
    await eventually('room for another', () => closedSessions() === 1)
    await (await lab.acs.ring({ from: CALLER, to: CALLED })).connected
  })

  it('is one session, however often it rings', async () => {
    await open()
    const call = await lab.acs.ring({ from: CALLER, to: CALLED, copies: 4 })
    await call.connected
    await eventually('the greeting', () => call.queuedMs > 0)
    expect(operations()).toEqual(['answer'])
    expect(lab.simulator.received).toHaveLength(1)
  })
})

describe('a media socket', () => {
  it('that is lost comes back, and the call goes on', async () => {
    await open()
    const call = await greeted()
    await quiet(call)
    call.loseMedia()
    await eventually('another socket', () => call.sockets === 2)
    const heardMs = call.heard().length / 48
    const [session] = lab.simulator.received
    const appends = () => session?.events.filter(({ type }) => type === 'input_audio_buffer.append').length ?? 0
    const before = appends()
    await call.say(Buffer.alloc(48_000, 9))
    await eventually('sound upstream', () => appends() > before + 40)
    expect(call.heard().length / 48).toBeGreaterThan(heardMs)
    expect(lab.simulator.received).toHaveLength(1)
    call.loseMedia()
    expect(await call.ended).toEqual({ by: 'relay' })
    expect(operations()).toEqual(['answer', 'startMediaStreaming', 'terminate'])
    await eventually('the end of the session', () => closedSessions() === 1)
  })

  it('takes no ticket twice', async () => {
    await open()
    const call = await greeted()
    expect(await mediaStatus(lab.url, call, lab.acs.tokens.token())).toBe(403)
    await quiet(call)
    expect(closedSessions()).toBe(0)
  })
})

describe('two calls', () => {
  it('have nothing in common', async () => {
    await open()
    const [one, two] = [await greeted(), await greeted(OTHER)]
    await one.hangUp()
    await eventually('the end of one session', () => closedSessions() === 1)
    await quiet(two)
    two.loseMedia()
    await eventually('another socket', () => two.sockets === 2)
    expect(lab.simulator.received).toHaveLength(2)
    expect(closedSessions()).toBe(1)
    await two.hangUp()
    await eventually('the end of both', () => closedSessions() === 2)
    expect(operations().filter((operation) => operation !== 'startMediaStreaming')).toEqual(['answer', 'answer'])
  })
})

describe('the log of a relay', () => {
  it('names no number and nothing that lets anybody in', async () => {
    await open()
    const call = await greeted()
    call.press('5')
    call.loseMedia()
    await eventually('another socket', () => call.sockets === 2)
    await call.hangUp()
    await eventually('the end of the session', () => closedSessions() === 1)
    const log = lab.log.join('\n')
    const { transportUrl = '', callbackUri = '' } = call.addresses ?? {}
    for (const secret of [CALLER, CALLED, '15550001', '30555000', ...Object.values(call.names), transportUrl.split('/').at(-1) ?? '-', callbackUri.split('/').at(-1) ?? '-', 'eyJ'])
      expect(log, secret).not.toContain(secret)
  })
})
