// The reader of whole frames yields what `ws` alone would: same messages, same control frames, same error, wherever the bytes are cut.
import type { Writable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameReader } from '../../src/frame-reader.js'
import { frameBytes, wsReceiver } from '../support/wire-frames.js'

const MAX_PAYLOAD = 80_000

interface Heard {
  readonly events: string[]
  readonly receiver: Writable
}

function receiverOf(masked: boolean): Heard {
  const receiver = wsReceiver({ isServer: masked, maxPayload: MAX_PAYLOAD })
  const events: string[] = []
  receiver.on('message', (data: Buffer, isBinary: boolean) => events.push(`${isBinary ? 'binary' : 'text'} ${data.toString('base64')}`))
  receiver.on('ping', (data: Buffer) => events.push(`ping ${data}`))
  receiver.on('pong', (data: Buffer) => events.push(`pong ${data}`))
  receiver.on('conclude', (code: number) => events.push(`close ${code}`))
  receiver.on('error', (error: Error & { code?: string }) => events.push(`error ${error.code}`))
  return { events, receiver }
}

/** `ws` writes no more once it has failed. */
function feed({ receiver }: Heard, bytes: Buffer): void {
  if (!receiver.destroyed && !receiver.writableEnded) receiver.write(Buffer.from(bytes))
}

function readThrough(chunks: readonly Buffer[], masked: boolean) {
  const heard = receiverOf(masked)
  let messages = 0
  heard.receiver.on('message', () => messages++)
  const taken: string[] = []
  let passed = 0
  const reader = new FrameReader(
    {
      takeText(frame) {
        taken.push(frame.toString())
        heard.events.push(`text ${frame.toString('base64')}`)
      },
      passOn(bytes) {
        const before = messages
        passed += bytes.length
        feed(heard, bytes)
        return messages > before
      },
    },
    masked,
    MAX_PAYLOAD,
  )
  for (const chunk of chunks) reader.read(Buffer.from(chunk))
  return { heard, taken, passed: () => passed }
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? bytes.length
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

/** Errors of a stream come a turn later. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

const payload = fc.oneof(
  fc.string({ maxLength: 200 }).map((text) => Buffer.from(text)),
  fc.string({ unit: 'binary', maxLength: 60 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(0, 1, 23, 24, 125, 126, 127, 65_535, 65_536, 70_000, 90_000).map((length) => Buffer.alloc(length, 0x61)),
)
const orderly = fc.oneof(
  { weight: 8, arbitrary: payload.map((data) => [{ first: 0x81, data }]) },
  { weight: 1, arbitrary: payload.map((data) => [{ first: 0x82, data }]) },
  { weight: 2, arbitrary: fc.constantFrom(0x89, 0x8a).map((first) => [{ first, data: Buffer.from('beat') }]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(payload, payload, fc.boolean())
      .map(([one, two, ping]) => [{ first: 0x01, data: one }, ...(ping ? [{ first: 0x89, data: Buffer.from('between') }] : []), { first: 0x80, data: two }]),
  },
  { weight: 1, arbitrary: fc.constant([{ first: 0x88, data: Buffer.from([0x03, 0xe8]) }]) },
)
const anything = fc.oneof(
  { weight: 12, arbitrary: orderly },
  { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 0, max: 255 }), payload).map(([first, data]) => [{ first, data }]) },
)

describe('frames read past ws', () => {
  it.each([true, false])('are what ws alone would hear, masked: %s', async (masked) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anything, { maxLength: 12 }),
        fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 21, max: 100_000 })), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        async (groups, sizes, wrongMask) => {
          const frames = groups.flat()
          const bytes = Buffer.concat(frames.map(({ first, data }, i) => frameBytes(first, data, wrongMask && i === 5 ? !masked : masked)))
          const chunks = cut(bytes, sizes)
          const alone = receiverOf(masked)
          for (const chunk of chunks) feed(alone, chunk)
          const { heard } = readThrough(chunks, masked)
          await settled()
          expect(heard.events).toEqual(alone.events)
        },
      ),
      { numRuns: 150, seed: 7 },
    )
  })

  it('cut anywhere, byte by byte too, are still whole messages', async () => {
    const frames = ['one', 'x'.repeat(200), 'ünï', ''].map((text) => frameBytes(0x81, Buffer.from(text), true))
    const { heard } = readThrough(cut(Buffer.concat(frames), [1]), true)
    await settled()
    expect(heard.events).toHaveLength(4)
  })

  it('are taken when they are whole, and only then', async () => {
    const frames = ['one', 'two', 'three'].map((text) => frameBytes(0x81, Buffer.from(text), false))
    const bytes = Buffer.concat(frames)
    const whole = readThrough([bytes], false)
    expect([whole.taken, whole.passed()]).toEqual([['one', 'two', 'three'], 0])
    // Inside the second frame's payload: that one goes through `ws`, the third is taken again.
    const straddled = readThrough([bytes.subarray(0, 8), bytes.subarray(8)], false)
    expect([straddled.taken, straddled.passed()]).toEqual([['one', 'three'], 5])
    expect(straddled.heard.events).toEqual(whole.heard.events)
  })

  it('are taken again after a message in fragments', () => {
    const parts = [frameBytes(0x01, Buffer.from('a'), true), frameBytes(0x80, Buffer.from('b'), true), frameBytes(0x81, Buffer.from('c'), true)]
    const { taken, heard } = readThrough([Buffer.concat(parts)], true)
    expect(taken).toEqual(['c'])
    expect(heard.events).toHaveLength(2)
  })

  it.each([
    ['invalid UTF-8', [frameBytes(0x81, Buffer.from([0xff, 0xfe]), true)], 'error WS_ERR_INVALID_UTF8'],
    ['a wrong mask', [frameBytes(0x81, Buffer.from('no'), false)], 'error WS_ERR_EXPECTED_MASK'],
    ['a reserved bit', [frameBytes(0xc1, Buffer.from('no'), true)], 'error WS_ERR_UNEXPECTED_RSV_1'],
    ['too much', [frameBytes(0x81, Buffer.alloc(MAX_PAYLOAD + 1, 0x61), true)], 'error WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
    ['a fragment that is not the last', [frameBytes(0x01, Buffer.from('half'), true)], 'error WS_ERR_INVALID_OPCODE'],
    ['a close', [frameBytes(0x88, Buffer.from([0x03, 0xe8]), true)], 'close 1000'],
  ])('are no longer taken after %s', async (_name, bad, outcome) => {
    const after = frameBytes(0x81, Buffer.from('after'), true)
    const { taken, heard } = readThrough([Buffer.concat([frameBytes(0x81, Buffer.from('before'), true), ...bad, after]), after], true)
    await settled()
    expect(taken).toEqual(['before'])
    expect(heard.events.slice(1)).toEqual([outcome])
  })

  it('are no longer taken after one that ws refused when its second half came', async () => {
    const bad = frameBytes(0x81, Buffer.from([0x61, 0xff, 0xfe, 0x61]), true)
    const after = frameBytes(0x81, Buffer.from('after'), true)
    const { taken, heard } = readThrough([bad.subarray(0, 7), Buffer.concat([bad.subarray(7), after])], true)
    await settled()
    expect(taken).toEqual([])
    expect(heard.events).toEqual(['error WS_ERR_INVALID_UTF8'])
  })
})
