// A telephone call whose answer a guard blocks: the caller hears it stop, and the admin's line after it.
import { afterEach, describe, expect, it } from 'vitest'
import { speakInTones } from '../../src/simulator/speech-tones.js'
import { hasEspeak, speechPcm } from '../support/speech.js'
import { CALLED, CALLER, eventually, openPhoneLab, type PhoneLab, quiet } from './phone-lab.js'

const VOICE = { voice: 'alloy', speed: 1 }
const LEAD = 'The keeper climbed the stairs of the tower every evening. '
const HARM = 'Then he told them how to build a bomb out of sugar and salt. '
const TAIL = 'It was a quiet harbour with wool and wine and letters, and nobody ever came to ask about the lamp on the rock in the sea. '
const HARMFUL = `${LEAD}${HARM}${TAIL}${TAIL}The end.`
const LINE = 'Let us speak about something else instead.'
/** The line's filter remembers three milliseconds of what came before. */
const SETTLED = 480
const SEEN = 9600
/** Two seconds: the line is asked for once the answer is over. */
const QUIET = 96_000
const soundOf = (text: string) => speakInTones(text, VOICE).pcm
const part = (text: string) => soundOf(text).subarray(SETTLED, SETTLED + SEEN)
const placeOf = (sentence: string) => soundOf(HARMFUL.slice(0, HARMFUL.indexOf(sentence)).trim()).length

let lab: PhoneLab
afterEach(() => lab?.close())

describe.skipIf(!hasEspeak()).each(['cut', 'hold'] as const)(
  `an answer that a guard blocks in %s${hasEspeak() ? '' : ' (skipped: espeak-ng is absent)'}`,
  { timeout: 60_000 },
  (mode) => {
    it('stops in the caller’s ear, and the line is said', async () => {
      lab = await openPhoneLab({
        profile: { session: { audio: { output: { voice: VOICE.voice } } }, blockedLine: 'Say that you speak about something else.' },
        simulator: { script: { hears: ['a story'], answers: [{ times: 1, reply: [{ say: HARMFUL }] }, { reply: [{ say: LINE }] }] } },
        env: { GUARDS: JSON.stringify([{ name: 'words', on: ['output'], mode, run: { patterns: { deny: ['bomb'] } } }]) },
      })
      const call = await lab.acs.ring({ from: CALLER, to: CALLED, copies: 1 })
      await call.connected
      await call.say(speechPcm('Tell me a story', { beforeMs: 0, afterMs: 0 }))
      await eventually('the line', () => call.heard().includes(part(LINE)), 30_000)
      await quiet(call)
      const heard = call.heard()
      const begin = heard.indexOf(part(HARMFUL)) - SETTLED
      const line = heard.indexOf(part(LINE)) - SETTLED
      expect(begin).toBeGreaterThanOrEqual(0)
      expect(line).toBeGreaterThan(begin)
      const from = placeOf(mode === 'hold' ? HARM : TAIL) + SETTLED
      expect(heard.includes(soundOf(HARMFUL).subarray(from, from + SEEN))).toBe(false)
      expect(line - begin).toBeLessThan(from + QUIET)
      expect(call.clearedAt.length).toBe(1)
    })
  },
)
