// Speech-like sound without a speech engine: one soft tone per syllable. The same text always gives the same sound.

const RATE = 24_000
const SYLLABLE_MS = 140
const WORD_GAP_MS = 60
const PAUSE_MS = 180
const NOTES = 5
const SCALE = [1, 1.122, 1.26, 0.944, 1.335] as const

/** A word of the transcript, with its leading space, and the time at which its sound begins. */
export interface SpokenWord {
  readonly text: string
  readonly startMs: number
}

export interface Spoken {
  readonly words: readonly SpokenWord[]
  /** PCM16 mono at 24 kHz. */
  readonly pcm: Buffer
}

export interface VoiceChoice {
  readonly voice: string
  /** 0.25 to 1.5. */
  readonly speed: number
}

/** Words with their leading space. Joined, they are the text. */
export function splitWords(text: string): string[] {
  return text.match(/\s*\S+\s*$|\s*\S+/g) ?? []
}

/** Those that begin before this time. */
export function wordsUntil(words: readonly SpokenWord[], ms: number): string {
  return words
    .filter(({ startMs }) => startMs < ms)
    .map(({ text }) => text)
    .join('')
    .trim()
}

export function speakInTones(text: string, choice: VoiceChoice): Spoken {
  const base = basePitch(choice.voice)
  const syllableMs = Math.max(40, Math.round(SYLLABLE_MS / choice.speed / 20) * 20)
  const parts: Buffer[] = []
  const words: SpokenWord[] = []
  let ms = 0
  const add = (pcm: Buffer) => {
    parts.push(pcm)
    ms += pcm.length / (2 * (RATE / 1000))
  }
  for (const word of splitWords(text)) {
    words.push({ text: word, startMs: ms })
    for (let i = 0; i < syllables(word); i++) add(tone(base, noteOf(word, i), syllableMs))
    add(silence(/[.,;:!?…]\s*$/.test(word) ? PAUSE_MS : WORD_GAP_MS))
  }
  return { words, pcm: Buffer.concat(parts) }
}

function syllables(word: string): number {
  return Math.min(Math.max(word.match(/[aeiouyáéíóúäöüâêîôûàèìòùå]+/gi)?.length ?? Math.ceil(word.trim().length / 2), 1), 8)
}

function noteOf(word: string, syllable: number): number {
  let sum = syllable
  for (const character of word) sum += character.codePointAt(0) ?? 0
  return sum % NOTES
}

/** One of four pitches, so that different voices sound different. */
function basePitch(voice: string): number {
  let sum = 0
  for (const character of voice) sum += character.charCodeAt(0)
  return [120, 150, 185, 220][sum % 4] ?? 150
}

/** Bounded by 4 pitches, 5 notes and 24 lengths, to which speeds of 0.25 to 1.5 are rounded. */
const made = new Map<string, Buffer>()

function tone(base: number, note: number, ms: number): Buffer {
  const key = `${base}:${note}:${ms}`
  const known = made.get(key)
  if (known) return known
  const samples = (ms * RATE) / 1000
  const pcm = Buffer.allocUnsafe(samples * 2)
  const step = (2 * Math.PI * base * (SCALE[note] ?? 1)) / RATE
  const attack = 0.015 * RATE
  const release = 0.04 * RATE
  for (let i = 0; i < samples; i++) {
    const envelope = Math.min(1, i / attack, (samples - i) / release)
    const wave = Math.sin(step * i) + 0.5 * Math.sin(2 * step * i) + 0.25 * Math.sin(3 * step * i)
    pcm.writeInt16LE(Math.round(wave * envelope * 5000), i * 2)
  }
  made.set(key, pcm)
  return pcm
}

function silence(ms: number): Buffer {
  return Buffer.alloc(((ms * RATE) / 1000) * 2)
}
