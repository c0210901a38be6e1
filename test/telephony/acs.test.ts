// Spoken calls through a simulated Azure Communication Services, the real relay and the simulated Azure.
import { afterEach, describe, expect, it } from 'vitest'
import { firstSoundMs } from '../../src/simulator/carriers/placed-call.js'
import { speakInTones } from '../../src/simulator/speech-tones.js'
import { hasEspeak, speechPcm } from '../support/speech.js'
import { CALLED, CALLER, eventually, openPhoneLab, type PhoneLab, quiet } from './phone-lab.js'

const STORY =
  'Once upon a time there was a lamp on a rock in the sea, and every night it burned for the ships that came home from far away with wool and wine and letters for the people of the town.'
const HELLO = 'Good evening.'
const VOICE = { voice: 'alloy', speed: 1 }
const pcmOf = (text: string) => speakInTones(text, VOICE).pcm

let lab: PhoneLab
afterEach(() => lab?.close())

/** How much of this sound the caller heard, to the sample, from where it begins. Zero: it does not begin anywhere. */
function heardMsOf(heard: Buffer, sound: Buffer): number {
  const at = heard.indexOf(sound.subarray(0, 9600))
  if (at < 0) return 0
  let bytes = 0
  while (bytes < sound.length && heard[at + bytes] === sound[bytes]) bytes++
  return bytes / 48
}

/** From its first to its last word, though a busy machine may have left a hole between. */
function wasHeard(heard: Buffer, sound: Buffer): boolean {
  const at = heard.indexOf(sound.subarray(0, 4800))
  return at >= 0 && heard.indexOf(sound.subarray(-14_400, -9600), at) > at
}

/** Words that have begun by then. */
const wordsBy = (ms: number) => speakInTones(STORY, VOICE).words.filter(({ startMs }) => startMs < ms).length

describe.skipIf(!hasEspeak())('a call through ACS', { timeout: 90_000 }, () => {
  const open = (script: object, profile: object = {}) =>
    openPhoneLab({
      profile: { session: { audio: { output: { voice: VOICE.voice } } }, ...profile },
      simulator: { script: { hears: ['tell me a story', 'stop please'], ...script } as never },
    })

  it('is greeted, asks and is answered: the sound of the model arrives to the sample', async () => {
    lab = await open({ answers: [{ on: { says: 'story' }, reply: [{ say: STORY }] }, { reply: [{ say: HELLO }] }] }, { manners: { greeting: 'Say good evening.' } })
    const call = await lab.acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    await eventually('the greeting', () => call.queuedMs > 0, 3000)
    await quiet(call)
    await call.say(speechPcm('Tell me a story', { beforeMs: 0, afterMs: 0 }))
    await eventually('the story', () => call.queuedMs > 0)
    await quiet(call)
    const heard = call.heard()
    expect(firstSoundMs(heard)).toBeLessThan(500)
    expect(wasHeard(heard, pcmOf(HELLO))).toBe(true)
    expect(wasHeard(heard, pcmOf(STORY))).toBe(true)
    await call.hangUp()
  })

  it('is interrupted: the model remembers the words that were heard', async () => {
    lab = await open({
      answers: [
        { on: { says: 'story' }, reply: [{ say: STORY }] },
        { on: { says: 'stop' }, reply: [{ say: HELLO }] },
      ],
    })
    const call = await lab.acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    await call.say(speechPcm('Tell me a story', { beforeMs: 0, afterMs: 0 }))
    await eventually('the story', () => call.queuedMs > 0)
    await eventually('some of it', () => call.queuedMs > 5000 && heardMsOf(call.heard(), pcmOf(STORY)) > 3000)
    const from = Date.now()
    await call.say(speechPcm('Stop', { beforeMs: 0, afterMs: 0 }))
    await eventually('the other answer', () => call.queuedMs > 0)
    await quiet(call)
    expect(call.clearedAt).toHaveLength(1)
    expect((call.clearedAt[0] ?? 0) - from).toBeLessThan(700)
    const heardMs = heardMsOf(call.heard(), pcmOf(STORY))
    const [truncate, ...more] = lab.sent('conversation.item.truncate')
    expect(more).toEqual([])
    const rememberedMs = Number(truncate?.audio_end_ms)
    expect(Math.abs(rememberedMs - heardMs)).toBeLessThanOrEqual(100)
    expect(Math.abs(wordsBy(rememberedMs) - wordsBy(heardMs))).toBeLessThanOrEqual(1)
    expect(wasHeard(call.heard(), pcmOf(HELLO))).toBe(true)
    await call.hangUp()
  })
})
