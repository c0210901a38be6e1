// What a user says into a microphone: a tone between silences, which voice detection takes for one turn. Runs in Node and in pages.

export const RATE = 24_000

/** PCM16, little endian, one channel. */
export function spokenPcm(rate = RATE, speechMs = 600, silenceMs = 900): Uint8Array {
  const before = Math.round(0.2 * rate)
  const speech = Math.round((speechMs / 1000) * rate)
  const samples = new Int16Array(before + speech + Math.round((silenceMs / 1000) * rate))
  for (let i = 0; i < speech; i++) samples[before + i] = Math.round(Math.sin((2 * Math.PI * 220 * i) / rate) * 9000)
  return new Uint8Array(samples.buffer)
}

/** In pieces of 100 ms. */
export function pieces(pcm: Uint8Array, rate = RATE): readonly Uint8Array[] {
  const length = (rate / 10) * 2
  return Array.from({ length: Math.ceil(pcm.length / length) }, (_, index) => pcm.slice(index * length, (index + 1) * length))
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}

/** Bytes that base64 text stands for. */
export function base64Bytes(text: string): number {
  return atob(text).length
}
