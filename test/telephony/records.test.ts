// A recorded telephone call: the caller hears first that it is recorded, and what was being said when the caller hung up is in the record; its sound as it was on the line.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Decrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import { createTwilio } from '../../src/simulator/carriers/twilio.js'
import { tone } from '../support/speech.js'
import { CALLED, CALLER, eventually, openPhoneLab, type PhoneLab } from './phone-lab.js'

let folder: string
let lab: PhoneLab | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'relay-phone-records-'))
  for (const name of ['store', 'spool']) mkdirSync(join(folder, name))
})
afterEach(async () => {
  await lab?.close()
  lab = undefined
  rmSync(folder, { recursive: true })
})

it('a call that its caller ends within the greeting', async () => {
  lab = await openPhoneLab({
    profile: { record: 'transcript', manners: { greeting: 'Tell a long story.' } },
    env: {
      RECORDS_URL: join(folder, 'store'),
      RECORDS_SPOOL: join(folder, 'spool'),
      RECORDS_CONSENT: 'announce',
      SUBJECT_KEY: 'a key of the tests for digests of users',
    },
  })
  const call = await lab.acs.ring({ from: CALLER, to: CALLED })
  await call.connected
  await eventually('the greeting', () => call.queuedMs > 0)
  expect(JSON.stringify(lab.sent('response.create'))).toContain('This conversation is recorded. Then: Tell a long story.')
  await call.hangUp()
  const names = () => readdirSync(join(folder, 'store'), { recursive: true }) as string[]
  await eventually('the record', () => names().some((name) => name.endsWith('manifest.json')))
  const [file = ''] = names().filter((name) => name.endsWith('turns.jsonl'))
  const [turn] = readFileSync(join(folder, 'store', file), 'utf8')
    .trimEnd()
    .split('\n')
  expect(JSON.parse(turn ?? '')).toMatchObject({ turn: 1, who: 'assistant', text: expect.stringMatching(/\w/), heard: expect.stringMatching(/all|part|none/) })
  expect(names().join()).not.toContain(CALLER.slice(1))
})

it('the sound of a call in μ-law, as it was on the line', { timeout: 60_000 }, async () => {
  const identity = await generateIdentity()
  const [authToken, accountSid] = ['0123456789abcdef0123456789abcdef', 'AC0123456789abcdef0123456789abcdef']
  lab = await openPhoneLab({
    profile: { record: 'audio', manners: { greeting: 'Tell a long story.' } },
    env: {
      RECORDS_URL: join(folder, 'store'),
      RECORDS_SPOOL: join(folder, 'spool'),
      RECORDS_RECIPIENTS: await identityToRecipient(identity),
      RECORDS_CONSENT: 'none',
      SUBJECT_KEY: 'a key of the tests for digests of users',
    },
    telephony: { twilio: { authTokens: [new Secret(authToken)], accountSid } },
  })
  const twilio = createTwilio({ relayUrl: lab.url, authToken, accountSid })
  try {
    const call = await twilio.ring({ from: CALLER, to: CALLED })
    await call.connected
    await eventually('the greeting', () => call.queuedMs > 0)
    await call.say(tone(400))
    await call.hangUp()
    const names = () => readdirSync(join(folder, 'store'), { recursive: true }) as string[]
    await eventually('the record', () => names().some((name) => name.endsWith('manifest.json')))
    const opened = async (name: string) => {
      const decrypter = new Decrypter()
      decrypter.addIdentity(identity)
      return Buffer.from(await decrypter.decrypt(readFileSync(join(folder, 'store', names().find((one) => one.endsWith(name)) ?? ''))))
    }
    // As the model got it.
    const said = voiced(Buffer.concat(lab.sent('input_audio_buffer.append').map(({ audio }) => Buffer.from(String(audio), 'base64'))))
    expect(said.length).toBeGreaterThan(2000)
    const [user, assistant] = [await opened('user-0001.wav.age'), await opened('assistant-0001.wav.age')]
    for (const wav of [user, assistant]) expect([wav.readUInt16LE(20), wav.readUInt32LE(24), wav.readUInt32LE(40)]).toEqual([7, 8000, wav.length - 44])
    expect(voiced(user.subarray(44)).equals(said)).toBe(true)
    expect(assistant.subarray(44).some((byte) => byte !== 0xff)).toBe(true)
  } finally {
    await twilio.close()
  }
})

/** A busy machine may leave holes of silence in it. */
function voiced(sound: Buffer): Buffer {
  return sound.filter((byte) => byte !== 0xff && byte !== 0x7f) as Buffer
}
