// Reads the same bytes with a FrameReader in front of a parser of `ws`, and with that parser alone.
import type { Writable } from 'node:stream'
import { expect } from 'vitest'
import { FrameReader } from '../../src/wire/frame-reader.js'
import { wsReceiver } from '../support/wire-frames.js'

export const MAX_PAYLOAD = 80_000
/** Of real links, the limit of chunks is above 1000: no control frame, of 131 bytes at most, ever meets it. */
const LIMITS = { maxPayload: MAX_PAYLOAD, maxFragments: 3, maxBufferedChunks: 140 }

export interface Heard {
  readonly events: string[]
  readonly receiver: Writable
}

export function receiverOf(masked: boolean): Heard {
  const receiver = wsReceiver({ isServer: masked, ...LIMITS })
  const events: string[] = []
  receiver.on('message', (data: Buffer, isBinary: boolean) => events.push(`${isBinary ? 'binary' : 'text'} ${data.toString('base64')}`))
  receiver.on('ping', (data: Buffer) => events.push(`ping ${data}`))
  receiver.on('pong', (data: Buffer) => events.push(`pong ${data}`))
  receiver.on('conclude', (code: number) => events.push(`close ${code}`))
  receiver.on('error', (error: Error & { code?: string }) => events.push(`error ${error.code}`))
  return { events, receiver }
}

/** `ws` writes no more once it has failed or read a close. */
export function feed({ receiver }: Heard, bytes: Buffer): void {
  if (!receiver.destroyed && !receiver.writableEnded) receiver.write(Buffer.from(bytes))
}

/** Also checks that all bytes come out once, in order and unchanged, either taken as a frame or passed on. */
export function readThrough(chunks: readonly Buffer[], masked: boolean) {
  const wire = Buffer.concat(chunks)
  const heard = receiverOf(masked)
  let messages = 0
  heard.receiver.on('message', () => messages++)
  const taken: string[] = []
  let at = 0
  let passed = 0
  let handedOver = false
  const forward = (bytes: Buffer): void => {
    expect(bytes.length).toBeGreaterThan(0)
    expect(bytes.equals(wire.subarray(at, at + bytes.length))).toBe(true)
    at += bytes.length
    passed += bytes.length
    feed(heard, bytes)
  }
  const reader = new FrameReader(
    {
      takeText(frame) {
        expect(handedOver).toBe(false)
        const short = (wire[at + 1] as number) & 0x7f
        at += (short < 126 ? 2 : short === 126 ? 4 : 10) + (masked ? 4 : 0) + frame.length
        taken.push(frame.toString())
        heard.events.push(`text ${frame.toString('base64')}`)
      },
      passOn(bytes) {
        expect(handedOver).toBe(false)
        const before = messages
        forward(bytes)
        return messages > before
      },
      countExtra: () => undefined,
      isPaused: () => false,
      keep() {
        throw new Error('nothing said to stop')
      },
      handOver(bytes) {
        handedOver = true
        forward(bytes)
      },
    },
    masked,
    MAX_PAYLOAD,
  )
  for (const chunk of chunks) reader.read(Buffer.from(chunk))
  expect(at).toBe(wire.length)
  return { heard, taken, passed, handedOver }
}

/** The pieces between these places. */
export function cut(bytes: Buffer, edges: Iterable<number>): Buffer[] {
  const sorted = [...new Set([0, ...edges, bytes.length])].filter((edge) => edge >= 0 && edge <= bytes.length).sort((a, b) => a - b)
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end))
}

export const everyByte = (bytes: Buffer): Buffer[] => cut(bytes, bytes.keys())

/** Errors of a stream come a turn later. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
