// A telephone's sound through mu-law at 8 kHz: what passes, what must not fold back, and that frames leave no seams.
import { describe, expect, it } from 'vitest'
import { createMuLawDecoder, createMuLawEncoder } from '../../../src/simulator/carriers/mu-law.js'

const AMPLITUDE = 12_000

function tone(hz: number, samples = 24_000): Buffer {
  const pcm = Buffer.alloc(samples * 2)
  for (let i = 0; i < samples; i++) pcm.writeInt16LE(Math.round(AMPLITUDE * Math.sin((2 * Math.PI * hz * i) / 24_000)), i * 2)
  return pcm
}

function throughTelephone(pcm: Buffer, frame: number): Buffer {
  const encode = createMuLawEncoder()
  const decode = createMuLawDecoder()
  const parts: Buffer[] = []
  for (let at = 0; at < pcm.length; at += frame) parts.push(decode(encode(pcm.subarray(at, at + frame))))
  return Buffer.concat(parts)
}

/** Against the tone that went in. */
function decibels(pcm: Buffer): number {
  let sum = 0
  for (let i = 1000; i < pcm.length; i += 2) sum += pcm.readInt16LE(i) ** 2
  return 20 * Math.log10(Math.sqrt(sum / ((pcm.length - 1000) / 2)) / (AMPLITUDE / Math.SQRT2))
}

describe('mu-law at 8 kHz and back', () => {
  it.each([300, 1000, 2500, 3000])('lets %i Hz pass', (hz) => {
    expect(Math.abs(decibels(throughTelephone(tone(hz), 960)))).toBeLessThan(0.8)
  })

  it.each([4600, 5000, 7000, 11_000])('lets nothing of %i Hz fold back', (hz) => {
    expect(decibels(throughTelephone(tone(hz), 960))).toBeLessThan(-55)
  })

  it('has noise of mu-law only: 35 dB under a tone of 1 kHz, delayed by 62 samples', () => {
    const source = tone(1000)
    const heard = throughTelephone(source, 960)
    const noise = Buffer.alloc(heard.length)
    for (let i = 500; i < 24_000; i++) noise.writeInt16LE(heard.readInt16LE(i * 2) - source.readInt16LE((i - 62) * 2), i * 2)
    expect(decibels(noise)).toBeLessThan(-35)
  })

  it('is the same in frames as in one piece', () => {
    const source = tone(1234)
    expect(throughTelephone(source, 960).equals(throughTelephone(source, source.length))).toBe(true)
  })

  it('keeps silence silent', () => {
    const encoded = createMuLawEncoder()(Buffer.alloc(960))
    expect(encoded).toEqual(Buffer.alloc(160, 0xff))
    expect(createMuLawDecoder()(encoded)).toEqual(Buffer.alloc(960))
  })
})
