// Turns an answer into sound: tones, or the program espeak-ng if it is chosen and installed.
import { execFile } from 'node:child_process'
import { type Spoken, speakInTones, splitWords, type VoiceChoice } from './speech-tones.js'

const ESPEAK_DEADLINE_MS = 5000
const ESPEAK_MAX_BYTES = 32 * 1024 * 1024
const RATE = 24_000

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

/** espeak-ng reports no word times, so they are estimated from the length of the text before each word. */
function spread(text: string, totalMs: number): { text: string; startMs: number }[] {
  let before = 0
  return splitWords(text).map((word) => {
    const startMs = (before / text.length) * totalMs
    before += word.length
    return { text: word, startMs }
  })
}

/** Mono PCM16 of a RIFF file, resampled to 24 kHz by linear interpolation; undefined for any other file. */
function fromWav(wav: Buffer): Buffer | undefined {
  if (wav.length < 44 || wav.toString('latin1', 0, 4) !== 'RIFF') return undefined
  const rate = wav.readUInt32LE(24)
  if (wav.readUInt16LE(22) !== 1 || wav.readUInt16LE(34) !== 16 || rate < 1000) return undefined
  // On a pipe, the length that espeak-ng writes is wrong, so the received length counts.
  const source = wav.subarray(44, 44 + Math.floor((wav.length - 44) / 2) * 2)
  const inSamples = source.length / 2
  const outSamples = Math.floor((inSamples * RATE) / rate)
  const pcm = Buffer.allocUnsafe(outSamples * 2)
  for (let i = 0; i < outSamples; i++) {
    const position = (i * rate) / RATE
    const left = Math.min(Math.floor(position), inSamples - 1)
    const right = Math.min(left + 1, inSamples - 1)
    const a = source.readInt16LE(left * 2)
    const b = source.readInt16LE(right * 2)
    pcm.writeInt16LE(Math.round(a + (b - a) * (position - left)), i * 2)
  }
  return pcm
}
