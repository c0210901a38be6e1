// Converts G.711 µ-law and A-law at 8 kHz to PCM16 at 24 kHz and back (ITU-T G.711).

export type Law = 'ulaw' | 'alaw'

const ULAW_BIAS = 0x84
const CLIP = 32_635

function fromUlaw(byte: number): number {
  const value = ~byte & 0xff
  const magnitude = (((value & 0x0f) << 3) + ULAW_BIAS) << ((value & 0x70) >> 4)
  return value & 0x80 ? ULAW_BIAS - magnitude : magnitude - ULAW_BIAS
}

export function toUlaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0
  const magnitude = Math.min(Math.abs(sample), CLIP) + ULAW_BIAS
  let exponent = 7
  for (let mask = 0x4000; (magnitude & mask) === 0 && exponent > 0; mask >>= 1) exponent--
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff
}

function fromAlaw(byte: number): number {
  const value = byte ^ 0x55
  const exponent = (value & 0x70) >> 4
  const mantissa = value & 0x0f
  const magnitude = exponent === 0 ? (mantissa << 4) + 8 : ((mantissa << 4) + 0x108) << (exponent - 1)
  return value & 0x80 ? magnitude : -magnitude
}

function toAlaw(sample: number): number {
  const sign = sample < 0 ? 0 : 0x80
  const magnitude = Math.min(Math.abs(sample), CLIP)
  let exponent = 7
  for (let mask = 0x4000; (magnitude & mask) === 0 && exponent > 0; mask >>= 1) exponent--
  const mantissa = (magnitude >> (exponent === 0 ? 4 : exponent + 3)) & 0x0f
  return (sign | (exponent << 4) | mantissa) ^ 0x55
}

const table = (decode: (byte: number) => number) => Int16Array.from({ length: 256 }, (_, byte) => decode(byte))
/** The PCM16 sample of each byte. */
export const ULAW = table(fromUlaw)
const DECODE = { ulaw: ULAW, alaw: table(fromAlaw) }

/** Each sample at 8 kHz becomes three at 24 kHz. */
export function decodeG711(bytes: Buffer, law: Law): Buffer {
  const pcm = Buffer.allocUnsafe(bytes.length * 6)
  const values = DECODE[law]
  for (let i = 0; i < bytes.length; i++) {
    const sample = values[bytes[i] ?? 0] ?? 0
    pcm.writeInt16LE(sample, i * 6)
    pcm.writeInt16LE(sample, i * 6 + 2)
    pcm.writeInt16LE(sample, i * 6 + 4)
  }
  return pcm
}

/** Each three samples at 24 kHz become one at 8 kHz, their mean. */
export function encodeG711(pcm: Buffer, law: Law): Buffer {
  const encode = law === 'ulaw' ? toUlaw : toAlaw
  const bytes = Buffer.allocUnsafe(Math.floor(pcm.length / 6))
  for (let i = 0; i < bytes.length; i++) bytes[i] = encode(Math.round((pcm.readInt16LE(i * 6) + pcm.readInt16LE(i * 6 + 2) + pcm.readInt16LE(i * 6 + 4)) / 3))
  return bytes
}
