// The reader of whole frames gives the same messages, control frames and errors as `ws` alone, wherever the bytes are cut. No byte is lost.
import { describe, expect, it } from 'vitest'
import { fc } from '../support/property.js'
import { frameBytes } from '../support/wire-frames.js'
import { cut, everyByte, feed, MAX_PAYLOAD, readThrough, receiverOf, settled } from './frame-reading.js'

/** One frame, legal or not. `size`: of its header without the mask. `high`: the upper half of a length of 64 bits. */
interface Frame {
  readonly first: number
  readonly data: Buffer
  readonly size?: number
  readonly wrongMask?: true
  readonly high?: number
}

function wireOf({ first, data, size, wrongMask, high }: Frame, masked: boolean): Buffer {
  const wire = frameBytes(first, data, wrongMask ? !masked : masked, high === undefined ? size : 10)
  if (high !== undefined) wire.writeUInt32BE(high, 2)
  return wire
}

const frame = (first: number, data: Buffer | string, size?: number): Frame => ({ first, data: Buffer.from(data as string), ...(size ? { size } : {}) })

const text = fc.oneof(
  fc.string({ maxLength: 200 }).map((chars) => Buffer.from(chars)),
  fc.string({ unit: 'binary', maxLength: 60 }).map((chars) => Buffer.from(chars)),
  // `ws` looks at texts of less than 24 bytes by itself and leaves longer ones to Node, as the reader leaves all of them.
  fc.tuple(fc.integer({ min: 0, max: 24 }), fc.string({ unit: 'binary', maxLength: 4 })).map(([pad, chars]) => Buffer.from('a'.repeat(pad) + chars)),
  fc.constantFrom(0, 1, 23, 24, 125, 126, 127, 65_535, 65_536, 70_000).map((length) => Buffer.alloc(length, 0x61)),
)
const broken = fc
  .tuple(fc.integer({ min: 0, max: 24 }), fc.constantFrom('80', 'c0af', 'e080af', 'eda080', 'f08080af', 'f4908080', 'c3', 'e282', 'ff', 'f09f98'), fc.string({ maxLength: 3 }))
  .map(([pad, hex, end]) => Buffer.concat([Buffer.alloc(pad, 0x61), Buffer.from(hex, 'hex'), Buffer.from(end)]))
const control = fc.tuple(fc.constantFrom(0x89, 0x8a), fc.constantFrom(0, 4, 125)).map(([first, length]) => frame(first, Buffer.alloc(length, 0x70)))
const legal: fc.Arbitrary<readonly Frame[]> = fc.oneof(
  { weight: 12, arbitrary: text.map((data) => [frame(0x81, data)]) },
  { weight: 1, arbitrary: text.map((data) => [frame(0x82, data)]) },
  { weight: 2, arbitrary: control.map((one) => [one]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(0x01, 0x02), fc.array(text, { minLength: 2, maxLength: 3 }), fc.option(control, { nil: undefined }))
      .map(([first, parts, between]) => parts.flatMap((data, i) => [...(i > 0 && between ? [between] : []), frame(i === 0 ? first : i < parts.length - 1 ? 0 : 0x80, data)])),
  },
  // A length longer than it need be: `ws` allows it for data.
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(0x81, 0x82), fc.constantFrom(4, 10)).map(([first, size]) => [frame(first, 'long', size)]) },
)
const illegal: fc.Arbitrary<readonly Frame[]> = fc.oneof(
  broken.map((data) => [frame(0x81, data)]),
  broken.map((data) => [frame(0x01, data.subarray(0, -1)), frame(0x80, data.subarray(-1))]),
  text.map((data) => [{ first: 0x81, data, wrongMask: true as const }]),
  fc.tuple(fc.integer({ min: 0, max: 255 }), text).map(([first, data]) => [frame(first, data)]),
  fc.tuple(fc.constantFrom(0x88, 0x89, 0x8a), fc.constantFrom(126, 70_000)).map(([first, length]) => [frame(first, Buffer.alloc(length, 0x70))]),
  fc.tuple(fc.constantFrom(0x88, 0x89, 0x8a), fc.constantFrom(4, 10)).map(([first, size]) => [frame(first, 'pi', size)]),
  fc.constantFrom('', '03', '03e8', '03ec', '0fa1c3a9', '03e8ff').map((hex) => [frame(0x88, Buffer.from(hex, 'hex'))]),
  fc.constantFrom(0x00, 0x80, 0x01, 0x08, 0x09, 0x0a).map((first) => [frame(first, 'order')]),
  fc.constantFrom(0x81, 0x82).map((first) => [frame(first, Buffer.alloc(MAX_PAYLOAD + 1, 0x61))]),
  fc.constant([frame(0x01, Buffer.alloc(70_000, 0x61)), frame(0x89, 'beat'), frame(0x80, Buffer.alloc(70_000, 0x61))]),
  fc.constant([frame(0x01, 'a'), ...[...'bcd'].map((part) => frame(0, part)), frame(0x80, 'e')]),
  // Lengths of 4 GiB, of more than 2^53 and of more than 2^63, with a lower half that would fit.
  fc.constantFrom(0x1, 0x200000, 0x80000000).map((high) => [{ ...frame(0x81, 'five!'), high }]),
)

describe('frames read past ws', () => {
  it.each([true, false])('are the frames that ws alone would read, masked: %s', async (masked) => {
    const outcomes = new Set<string>()
    let taken = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 9, arbitrary: legal }, { weight: 1, arbitrary: illegal }), { minLength: 1, maxLength: 12 }),
        // Cuts in headers and close behind them, by frame and offset; cuts anywhere; or everywhere.
        fc.array(fc.tuple(fc.nat({ max: 30 }), fc.integer({ min: -2, max: 20 })), { maxLength: 8 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
        fc.boolean(),
        async (groups, nearHeaders, anywhere, everywhere) => {
          const frames = groups.flat().map((one) => wireOf(one, masked))
          const bytes = Buffer.concat(frames)
          const starts = frames.map((_, i) => frames.slice(0, i).reduce((sum, one) => sum + one.length, 0))
          const edges = [...nearHeaders.map(([i, offset]) => (starts[i % starts.length] as number) + offset), ...anywhere.map((part) => Math.floor(part * bytes.length))]
          const chunks = everywhere && bytes.length < 3000 ? everyByte(bytes) : cut(bytes, edges)
          const alone = receiverOf(masked)
          for (const chunk of chunks) feed(alone, chunk)
          const through = readThrough(chunks, masked)
          await settled()
          expect(through.heard.events).toEqual(alone.events)
          taken += through.taken.length
          for (const event of alone.events) if (/^(close|error)/.test(event)) outcomes.add(event)
        },
      ),
      { numRuns: 2000 },
    )
    // What was made has met every refusal `ws` knows.
    expect(taken).toBeGreaterThan(2000)
    expect([...outcomes].sort()).toEqual(
      [
        'close 1000',
        'close 1005',
        'close 4001',
        'error WS_ERR_EXPECTED_FIN',
        masked ? 'error WS_ERR_EXPECTED_MASK' : 'error WS_ERR_UNEXPECTED_MASK',
        'error WS_ERR_INVALID_CLOSE_CODE',
        'error WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
        'error WS_ERR_INVALID_OPCODE',
        'error WS_ERR_INVALID_UTF8',
        'error WS_ERR_TOO_MANY_BUFFERED_PARTS',
        'error WS_ERR_UNEXPECTED_RSV_1',
        'error WS_ERR_UNEXPECTED_RSV_2_3',
        'error WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
        'error WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
      ].sort(),
    )
  })

  it('cut anywhere, even byte by byte, are still whole messages', async () => {
    const frames = ['one', 'x'.repeat(130), 'ünï', ''].map((chars) => frameBytes(0x81, Buffer.from(chars), true))
    const { heard } = readThrough(everyByte(Buffer.concat(frames)), true)
    await settled()
    expect(heard.events).toHaveLength(4)
  })

  it('are taken only when they are whole', () => {
    const bytes = Buffer.concat(['one', 'two', 'three'].map((chars) => frameBytes(0x81, Buffer.from(chars), false)))
    const whole = readThrough([bytes], false)
    expect([whole.taken, whole.passed]).toEqual([['one', 'two', 'three'], 0])
    // Inside the second frame's payload: it is put together, from two parts or from many.
    for (const chunks of [cut(bytes, [8]), cut(bytes, [7, 8, 9])]) {
      const straddled = readThrough(chunks, false)
      expect([straddled.taken, straddled.passed]).toEqual([['one', 'two', 'three'], 0])
      expect(straddled.heard.events).toEqual(whole.heard.events)
    }
    // Too long to be kept, or cut in its header: it goes through `ws`, and the next is taken again.
    const long = Buffer.concat([frameBytes(0x81, Buffer.alloc(65_536, 0x61), false), frameBytes(0x81, Buffer.from('next'), false)])
    expect(readThrough(cut(long, [20_000]), false)).toMatchObject({ taken: ['next'], passed: 65_546 })
    expect(readThrough(cut(bytes, [6]), false)).toMatchObject({ taken: ['one', 'three'], passed: 5 })
  })

  it('that are not UTF-8 reach ws whole, as they came, wherever they were cut', async () => {
    const bytes = Buffer.concat([
      frameBytes(0x81, Buffer.from('before'), true),
      frameBytes(0x81, Buffer.from([0x61, 0x62, 0xff, 0x63]), true),
      frameBytes(0x81, Buffer.from('after'), true),
    ])
    for (let edge = 12; edge <= 22; edge++) {
      const { heard, taken } = readThrough(cut(bytes, [edge]), true)
      await settled()
      expect([taken, heard.events.at(-1)]).toEqual([['before'], 'error WS_ERR_INVALID_UTF8'])
    }
  })

  it.each([
    ['7 bits', 5, 6],
    ['16 bits', 300, 8],
    ['64 bits', 70_000, 14],
  ])('are taken again after one cut anywhere in its header, length of %s', (_form, length, header) => {
    const straddler = frameBytes(0x81, Buffer.alloc(length, 0x61), true)
    expect(straddler).toHaveLength(header + length)
    for (let edge = 1; edge <= header; edge++) {
      const { taken, passed, heard } = readThrough(cut(Buffer.concat([straddler, frameBytes(0x81, Buffer.from('next'), true)]), [edge]), true)
      const isKept = edge === header && length < 65_536
      expect([taken.length, passed, heard.events.length]).toEqual(isKept ? [2, 0, 2] : [1, straddler.length, 2])
      expect(taken.at(-1)).toBe('next')
    }
  })

  it('are taken again after a message in fragments', () => {
    const parts = [frameBytes(0x01, Buffer.from('a'), true), frameBytes(0x80, Buffer.from('b'), true), frameBytes(0x81, Buffer.from('c'), true)]
    const { taken, heard } = readThrough([Buffer.concat(parts)], true)
    expect(taken).toEqual(['c'])
    expect(heard.events).toHaveLength(2)
  })

  it('that are not UTF-8 reach ws still masked', async () => {
    const bad = frameBytes(0x81, Buffer.from([0xff, 0xfe, 0xfd]), true)
    // The bytes passed on are compared with those that came.
    const { heard, passed } = readThrough([bad], true)
    await settled()
    expect([passed, heard.events]).toEqual([bad.length, ['error WS_ERR_INVALID_UTF8']])
  })

  it.each([
    ['invalid UTF-8', frameBytes(0x81, Buffer.from([0xff, 0xfe]), true), 'error WS_ERR_INVALID_UTF8'],
    ['a wrong mask', frameBytes(0x81, Buffer.from('no'), false), 'error WS_ERR_EXPECTED_MASK'],
    ['a reserved bit', frameBytes(0xc1, Buffer.from('no'), true), 'error WS_ERR_UNEXPECTED_RSV_1'],
    ['too much', frameBytes(0x81, Buffer.alloc(MAX_PAYLOAD + 1, 0x61), true), 'error WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
    ['a fragment that is not the last', frameBytes(0x01, Buffer.from('half'), true), 'error WS_ERR_INVALID_OPCODE'],
    ['a ping whose length takes a longer form', frameBytes(0x89, Buffer.from('hi'), true, 4), 'error WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
    ['a pong whose length takes the longest form', frameBytes(0x8a, Buffer.from('hi'), true, 10), 'error WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
    ['a close', frameBytes(0x88, Buffer.from([0x03, 0xe8]), true), 'close 1000'],
  ])('are no longer taken after %s: ws has the connection', async (_name, bad, outcome) => {
    const after = frameBytes(0x81, Buffer.from('after'), true)
    for (const chunks of [
      [Buffer.concat([bad, after]), after],
      [...cut(bad, [1]), after],
    ]) {
      const { taken, heard, handedOver } = readThrough([frameBytes(0x81, Buffer.from('before'), true), ...chunks], true)
      await settled()
      expect([taken, handedOver]).toEqual([['before'], true])
      expect(heard.events.slice(1)).toEqual([outcome])
    }
  })

  it('are no longer taken after ws refused one at its second half', async () => {
    const bad = frameBytes(0x81, Buffer.from([0x61, 0xff, 0xfe, 0x61]), true)
    const after = frameBytes(0x81, Buffer.from('after'), true)
    const { taken, heard } = readThrough(cut(Buffer.concat([bad, after]), [7]), true)
    await settled()
    expect(taken).toEqual([])
    expect(heard.events).toEqual(['error WS_ERR_INVALID_UTF8'])
  })
})
