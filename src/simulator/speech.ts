// Turns an answer into sound: tones, or the program espeak-ng if it is chosen and installed.
import { execFile } from 'node:child_process'
import { type Spoken, speakInTones, splitWords, type VoiceChoice } from './speech-tones.js'
import { fromWav } from './wav.js'

const ESPEAK_DEADLINE_MS = 5000
const ESPEAK_MAX_BYTES = 32 * 1024 * 1024

/** Never rejects: if espeak-ng fails, tones are used. */
export function speak(text: string, choice: VoiceChoice, engine: 'tones' | 'espeak'): Promise<Spoken> | Spoken {
  if (engine === 'tones' || text.trim() === '') return speakInTones(text, choice)
  return new Promise((resolve) => {
    const wordsPerMinute = Math.round(170 * choice.speed)
    const child = execFile(
      'espeak-ng',
      ['--stdout', '--stdin', '-s', String(wordsPerMinute)],
      { encoding: 'buffer', timeout: ESPEAK_DEADLINE_MS, maxBuffer: ESPEAK_MAX_BYTES },
      (error, wav) => {
        const pcm = error ? undefined : fromWav(wav)
        resolve(pcm ? { words: spread(text, pcm.length / 48), pcm } : speakInTones(text, choice))
      },
    )
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(text)
  })
}

/** Word times that nobody reports are estimated from the length of the text before each word. */
export function spread(text: string, totalMs: number): { text: string; startMs: number }[] {
  let before = 0
  return splitWords(text).map((word) => {
    const startMs = (before / text.length) * totalMs
    before += word.length
    return { text: word, startMs }
  })
}
