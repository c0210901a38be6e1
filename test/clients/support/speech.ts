// What a user says into a microphone: a tone between silences, PCM16 at 24 kHz, which voice detection takes for one turn.

const RATE = 24_000

export function spokenPcm(speechMs = 600, silenceMs = 900): Buffer {
  const before = 200
  const samples = ((before + speechMs + silenceMs) * RATE) / 1000
  const pcm = Buffer.alloc(samples * 2)
  for (let i = (before * RATE) / 1000; i < ((before + speechMs) * RATE) / 1000; i++) pcm.writeInt16LE(Math.round(Math.sin((2 * Math.PI * 220 * i) / RATE) * 9_000), i * 2)
  return pcm
}

/** In pieces of 100 ms. */
export function pieces(pcm: Buffer): readonly Buffer[] {
  const out: Buffer[] = []
  for (let at = 0; at < pcm.length; at += 4800) out.push(pcm.subarray(at, at + 4800))
  return out
}

export function pcmOf(base64: readonly string[]): Buffer {
  return Buffer.concat(base64.map((piece) => Buffer.from(piece, 'base64')))
}
