// Spoken calls through a simulated Azure Communication Services, the real relay and the simulated Azure.
import { afterEach, describe, expect, it } from 'vitest'
import { firstSoundMs } from '../../src/simulator/carriers/placed-call.js'
import { silence, speechPcm } from '../support/speech.js'
import { CALLED, CALLER, eventually, openPhoneLab, type PhoneLab, quiet } from './phone-lab.js'

let lab: PhoneLab
afterEach(() => lab?.close())

describe('ACS', () => {
  it('greets, hears a question and answers it', { timeout: 60_000 }, async () => {
    lab = await openPhoneLab({ profile: { manners: { greeting: 'Say hello.' } } })
    const call = await lab.acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    await eventually('the greeting', () => call.queuedMs > 0, 3000)
    await quiet(call)
    await call.say(Buffer.concat([speechPcm('What is the weather in Lisbon?'), silence(100)]))
    await eventually('an answer', () => call.queuedMs > 0)
    await quiet(call)
    await call.hangUp()
    expect(firstSoundMs(call.heard())).toBeLessThan(1000)
  })
})
