// Audio of a speaker: a plain tone if only loudness counts, real speech of espeak-ng for a microphone.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toWav } from '../../src/simulator/wav.js'

const RATE = 24_000

/** PCM16 at 24 kHz, as loud as a voice close to the microphone. */
export function tone(ms: number): Buffer {
  const pcm = Buffer.alloc(Math.round((ms * RATE) / 1000) * 2)
  for (let at = 0; at + 1 < pcm.length; at += 2) pcm.writeInt16LE(Math.round(Math.sin((at / 2 / RATE) * 2 * Math.PI * 220) * 12_000), at)
  return pcm
}

export function silence(ms: number): Buffer {
  return Buffer.alloc(Math.round((ms * RATE) / 1000) * 2)
}

/** Parts of 100 ms as base64, as clients of the Realtime API append them. */
export function appendable(...pcm: Buffer[]): string[] {
  const all = Buffer.concat(pcm)
  const bytes = RATE / 5
  return Array.from({ length: Math.ceil(all.length / bytes) }, (_, index) => all.subarray(index * bytes, (index + 1) * bytes).toString('base64'))
}

export function hasEspeak(): boolean {
  try {
    execFileSync('espeak-ng', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A WAV file of `text` for Chromium's fake microphone: 48 kHz mono PCM16, with silence before and after. The caller removes its folder. */
export function speechFile(text: string, { beforeMs = 300, afterMs = 1500 } = {}): { readonly folder: string; readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'relay-speech-'))
  const rate48 = 48_000
  const speech = espeak(text, join(folder, 'spoken.wav'), rate48)
  const before = new Int16Array(Math.round((beforeMs * rate48) / 1000))
  const after = new Int16Array(Math.round((afterMs * rate48) / 1000))
  const file = join(folder, 'microphone.wav')
  writeFileSync(file, toWav(Buffer.concat([before, speech, after].map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))), rate48))
  return { folder, file }
}

/** What espeak-ng says, as clients append it: PCM16 at 24 kHz, between the silences of an open microphone. */
export function speechPcm(text: string, { beforeMs = 300, afterMs = 1000 } = {}): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'relay-speech-'))
  try {
    const { buffer } = espeak(text, join(folder, 'spoken.wav'), RATE)
    return Buffer.concat([silence(beforeMs), Buffer.from(buffer), silence(afterMs)])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function espeak(text: string, file: string, rate: number): Int16Array<ArrayBuffer> {
  execFileSync('espeak-ng', ['-v', 'en', '-s', '150', '-a', '160', '-w', file, text], { stdio: 'ignore' })
  const read = readWav(readFileSync(file))
  return resampled(read.samples, read.rate, rate)
}

function readWav(bytes: Buffer): { rate: number; samples: Int16Array } {
  const rate = bytes.readUInt32LE(24)
  const start = bytes.indexOf('data', 12, 'latin1') + 8
  const data = bytes.subarray(start, bytes.length - ((bytes.length - start) % 2))
  return { rate, samples: Int16Array.from({ length: data.length / 2 }, (_, index) => data.readInt16LE(index * 2)) }
}

function resampled(samples: Int16Array, from: number, to: number): Int16Array<ArrayBuffer> {
  return Int16Array.from({ length: Math.floor((samples.length * to) / from) }, (_, index) => {
    const at = (index * from) / to
    const low = Math.floor(at)
    const first = samples[low] ?? 0
    return first + ((samples[low + 1] ?? first) - first) * (at - low)
  })
}
