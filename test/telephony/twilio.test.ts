// Calls through a simulated Twilio, the real relay and the simulated Azure.
import { afterEach, describe, expect, it } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import { firstSoundMs } from '../../src/simulator/carriers/placed-call.js'
import { createTwilio, type SimulatedTwilio } from '../../src/simulator/carriers/twilio.js'
import { speakInTones } from '../../src/simulator/speech-tones.js'
import { silence } from '../support/speech.js'
import { CALLED, CALLER, eventually, openPhoneLab, type PhoneLab, type PhoneLabOptions, quiet } from './phone-lab.js'

const TOKEN = '0123456789abcdef0123456789abcdef'
const ACCOUNT = 'AC0123456789abcdef0123456789abcdef'

let lab: PhoneLab
let twilio: SimulatedTwilio
async function open(options: PhoneLabOptions = {}): Promise<void> {
  lab = await openPhoneLab({ ...options, telephony: { ...options.telephony, twilio: { authTokens: [new Secret(TOKEN)], accountSid: ACCOUNT } } })
  twilio = createTwilio({ relayUrl: lab.url, authToken: TOKEN, accountSid: ACCOUNT })
}
afterEach(async () => {
  await twilio?.close()
  await lab?.close()
})

const GREETS = { manners: { greeting: 'Say hello.' } }
const words = () => speakInTones('What is the weather in Lisbon?', { voice: 'alloy', speed: 1 }).pcm
const question = () => Buffer.concat([words(), silence(100)])

describe('Twilio', () => {
  it('greets, hears a question and answers it, with nothing that Twilio would refuse', { timeout: 60_000 }, async () => {
    await open({ profile: GREETS })
    const call = await twilio.ring({ from: CALLER, to: CALLED, copies: 2 })
    await call.connected
    await eventually('the greeting', () => call.queuedMs > 0, 3000)
    await quiet(call)
    await call.say(question())
    await eventually('an answer', () => call.queuedMs > 0)
    await quiet(call)
    expect(call.faults).toEqual([])
    expect(firstSoundMs(call.heard())).toBeLessThan(1000)
    await call.hangUp()
    expect(await call.ended).toEqual({ by: 'caller' })
    await eventually('the end of the session', () => lab.log.some((line) => line.includes('session closed') || line.includes('session_closed')))
    for (const secret of [CALLER.slice(1), CALLED.slice(1), call.callSid, ACCOUNT, TOKEN]) expect(lab.log.join('')).not.toContain(secret)
  })

  it('stops at once when the caller speaks into the answer', { timeout: 60_000 }, async () => {
    await open({ profile: GREETS })
    const call = await twilio.ring({ from: CALLER, to: CALLED })
    await call.connected
    await eventually('the greeting', () => call.queuedMs > 1000)
    void call.say(question())
    await eventually('the clear', () => call.clearedAt.length > 0)
    expect(call.faults).toEqual([])
    const { playedMs } = call
    await eventually('what was heard', () => lab.sent('conversation.item.truncate').length > 0)
    const heardMs = Number(lab.sent('conversation.item.truncate')[0]?.audio_end_ms)
    // By marks: what of the answer was played for certain, which is a delta or two less than what was.
    expect(heardMs).toBeLessThanOrEqual(playedMs)
    expect(heardMs).toBeGreaterThan(playedMs - 500)
  })

  it('goes on after a lost media socket, and ends after a second one', { timeout: 60_000 }, async () => {
    await open({ profile: GREETS, telephony: { lostLine: 'We lost you & yours.' } })
    const call = await twilio.ring({ from: CALLER, to: CALLED })
    await call.connected
    await eventually('the greeting', () => call.queuedMs > 0)
    await quiet(call)
    call.loseMedia()
    await eventually('another socket', () => call.sockets === 2)
    await call.say(question())
    await eventually('an answer', () => call.queuedMs > 0)
    expect(lab.simulator.received).toHaveLength(1)
    call.loseMedia()
    expect(await call.ended).toEqual({ by: 'relay' })
    expect(call.answers.at(-1)).toContain('<Say>We lost you &amp; yours.</Say><Hangup/>')
  })

  it('is transferred by the model to a name of the list, without a key of Twilio', { timeout: 60_000 }, async () => {
    const script = {
      hears: ['the desk please'],
      answers: [{ on: { says: 'desk' }, reply: [{ call: { name: 'transfer_call', arguments: { to: 'desk' } } }] }],
    }
    await open({ profile: { manners: { greeting: 'Say hello.', transferTo: { desk: 'sip:desk@pbx.example' } } }, simulator: { script } })
    const call = await twilio.ring({ from: CALLER, to: CALLED })
    await call.connected
    await eventually('the greeting', () => call.queuedMs > 0)
    await quiet(call)
    await call.say(question())
    expect(await call.ended).toEqual({ by: 'relay', transferredTo: 'sip:desk@pbx.example' })
    expect(lab.log.join('')).not.toContain('pbx.example')
  })

  it('is hung up by the model after the goodbye was heard', { timeout: 60_000 }, async () => {
    const script = {
      hears: ['goodbye'],
      answers: [{ on: { says: 'goodbye' }, reply: [{ say: 'It was nice to talk to you, have a good day.' }, { call: { name: 'hang_up', arguments: {} } }] }],
    }
    await open({ profile: { manners: { greeting: 'Say hello.', hangUp: true } }, simulator: { script } })
    const call = await twilio.ring({ from: CALLER, to: CALLED })
    await call.connected
    await eventually('the greeting', () => call.queuedMs > 0)
    await quiet(call)
    await call.say(question())
    const before = call.heard().length
    await eventually('the goodbye', () => call.queuedMs > 0)
    const queuedMs = call.queuedMs
    expect(await call.ended).toEqual({ by: 'relay' })
    expect((call.heard().length - before) / 48).toBeGreaterThan(queuedMs)
    expect(call.faults).toEqual([])
  })

  it('finds the end of a question over a line that jitters and goes silent for seconds', { timeout: 60_000 }, async () => {
    await open({ profile: GREETS })
    const call = await twilio.ring({ from: CALLER, to: CALLED, jitterMs: 80 })
    await call.connected
    await eventually('the greeting', () => call.queuedMs > 0)
    await quiet(call)
    await call.say(words())
    call.gap(3000)
    await eventually('an answer while nothing comes', () => call.queuedMs > 0, 2900)
    await quiet(call)
    await call.say(question())
    await eventually('another answer', () => call.queuedMs > 0)
    expect(call.faults).toEqual([])
  })

  it('rejects a caller whom the admin does not want', async () => {
    await open({ telephony: { callers: { allow: undefined, deny: [CALLER] } } })
    const call = await twilio.ring({ from: CALLER, to: CALLED })
    await expect(call.connected).rejects.toThrow('refused the call as rejected')
    expect(lab.simulator.received).toHaveLength(0)
  })
})
