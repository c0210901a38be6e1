// Floods under fuzz: each frame of a client counts once, as a message and with its bytes, whatever it is and wherever the network cuts it, and none is lost when reading stops.
import { describe, expect, it } from 'vitest'
import { ClientRate } from '../../src/relay/client-rate.js'
import { TICK_MS, Timetable } from '../../src/relay/timetable.js'
import { FrameReader } from '../../src/wire/frame-reader.js'
import { fc } from '../support/property.js'
import { frameBytes, wsReceiver } from '../support/wire-frames.js'
import { PATIENCE, RUNS } from './runs.js'

const MAX_PAYLOAD = 20_000
const SMALL_FRAGMENT = 1024

interface Part {
  readonly first: number
  readonly length: number
}
const length = fc.oneof(fc.nat({ max: 8 }), fc.constantFrom(125, 126, SMALL_FRAGMENT - 1, SMALL_FRAGMENT, 3000))
const control = fc.tuple(fc.constantFrom(0x89, 0x8a), fc.constantFrom(0, 4, 125)).map(([first, size]): Part => ({ first, length: size }))
/** A whole message, or one in fragments with control frames between them. */
const message: fc.Arbitrary<readonly Part[]> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(0x81, 0x82), length).map(([first, size]) => [{ first, length: size }]) },
  { weight: 4, arbitrary: fc.array(control, { minLength: 1, maxLength: 12 }) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(0x01, 0x02), fc.array(fc.tuple(fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, length), fc.boolean()), { minLength: 1, maxLength: 10 }), length)
      .map(([first, parts, last]) => [
        ...parts.flatMap(([size, beat], i): Part[] => [{ first: i === 0 ? first : 0, length: size }, ...(beat ? [{ first: 0x8a, length: 2 }] : [])]),
        { first: 0x80, length: last },
      ]),
  },
)

interface Count {
  messages: number
  messageBytes: number
  extras: number
  extraBytes: number
}

/** What is to be counted, by the words of the documents alone. */
function expected(parts: readonly Part[], masked: boolean): Count {
  const count: Count = { messages: 0, messageBytes: 0, extras: 0, extraBytes: 0 }
  for (const { first, length: size } of parts) {
    const header = (size < 126 ? 2 : 4) + (masked ? 4 : 0)
    const [isControl, isLast] = [(first & 0xf) >= 8, first >= 0x80]
    if (isControl) count.extraBytes += header + size
    else count.messageBytes += size
    if (!isControl && !isLast && size < SMALL_FRAGMENT) count.extraBytes += header
    if (isControl || (!isLast && size < SMALL_FRAGMENT)) count.extras++
    else if (isLast) count.messages++
  }
  return count
}

/** A relay's end of a socket: its reader before the parser of `ws`. When it may not go on, it is read on by `goOn`. */
function reading(masked: boolean, mayGoOn: (bytes: number) => boolean) {
  const count: Count = { messages: 0, messageBytes: 0, extras: 0, extraBytes: 0 }
  const receiver = wsReceiver({ isServer: masked, maxPayload: MAX_PAYLOAD, maxFragments: 100, maxBufferedChunks: 10_000 })
  const socket: Buffer[] = []
  let paused = false
  let refused: unknown
  const message = (bytes: number) => {
    count.messages++
    count.messageBytes += bytes
  }
  receiver.on('message', (data: Buffer) => message(data.length))
  receiver.on('error', (error) => {
    refused = error
  })
  const reader = new FrameReader(
    {
      takeText: (frame) => message(frame.length),
      passOn(bytes) {
        const before = count.messages
        receiver.write(Buffer.from(bytes))
        return count.messages > before
      },
      countExtra(bytes) {
        count.extras++
        count.extraBytes += bytes
        paused = !mayGoOn(bytes)
      },
      isPaused: () => paused,
      keep: (bytes) => void socket.unshift(Buffer.from(bytes)),
      handOver() {
        throw new Error('a legal frame was given to ws for good')
      },
    },
    masked,
    MAX_PAYLOAD,
  )
  const flow = () => {
    for (let chunk = paused ? undefined : socket.shift(); chunk; chunk = paused ? undefined : socket.shift()) reader.read(chunk)
  }
  return {
    count,
    /** What comes while nothing is read waits in the socket, behind what was put back. */
    read(chunk: Buffer): void {
      socket.push(Buffer.from(chunk))
      flow()
    },
    /** False: all is read. */
    goOn(): boolean {
      paused = false
      flow()
      return paused
    },
    refused: () => refused,
  }
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 })
function chunksOf(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const edges = [...new Set([0, ...places.map((place) => Math.floor(place * bytes.length)), bytes.length])].sort((a, b) => a - b)
  return edges.slice(1).map((end, i) => bytes.subarray(edges[i], end))
}
const wireOf = (parts: readonly Part[], masked: boolean) => Buffer.concat(parts.map(({ first, length: size }) => frameBytes(first, Buffer.alloc(size, 0x61), masked)))

describe('frames under fuzz', () => {
  it(
    'count once each, as messages and bytes, also when reading stops at any of them',
    () => {
      fc.assert(
        fc.property(
          fc.array(message, { minLength: 1, maxLength: 6 }),
          fc.boolean(),
          cuts,
          fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
          (groups, masked, places, stops) => {
            const parts = groups.flat()
            let asked = 0
            const end = reading(masked, () => stops[asked++ % stops.length] === false)
            for (const chunk of chunksOf(wireOf(parts, masked), places)) end.read(chunk)
            while (end.goOn()) expect(asked).toBeLessThanOrEqual(parts.length)
            expect(end.refused()).toBeUndefined()
            expect(end.count).toEqual(expected(parts, masked))
          },
        ),
        RUNS,
      )
    },
    PATIENCE,
  )

  it(
    'without content are read at the rate and no faster',
    () => {
      const empty = fc.oneof(
        control,
        fc.constant<Part>({ first: 0x8a, length: 0 }),
        fc.nat({ max: 20 }).map((size): Part => ({ first: 0, length: size })),
      )
      const rates = fc.record({ messagesPerSecond: fc.integer({ min: 1, max: 40 }), bytesPerSecond: fc.integer({ min: 20, max: 4000 }) })
      fc.assert(
        fc.property(fc.array(empty, { minLength: 50, maxLength: 300 }), rates, cuts, (flood, { messagesPerSecond, bytesPerSecond }, places) => {
          const parts = [{ first: 0x01, length: 0 }, ...flood].slice(0, 90)
          const timetable = new Timetable(0)
          const rate = new ClientRate({}, { messagesPerSecond, bytesPerSecond, audioBytesPerSecond: 1e9 }, timetable)
          const end = reading(true, (bytes) => rate.extra(bytes))
          for (const chunk of chunksOf(wireOf(parts, true), places)) end.read(chunk)
          const { extras } = expected(parts, true)
          let now = 0
          for (let waits = end.count.extras < extras; waits; now += TICK_MS) {
            const seconds = 5 + now / 1000
            expect(end.count.extras).toBeLessThanOrEqual(messagesPerSecond * seconds + 1)
            // One frame may be bigger than what is left; its debt is paid by waiting.
            expect(end.count.extraBytes).toBeLessThanOrEqual(bytesPerSecond * seconds + 131)
            timetable.tick(now + TICK_MS)
            if (rate.refill()) end.goOn()
            waits = end.count.extras < extras
            expect(now).toBeLessThan(3_600_000)
          }
          expect(end.count.extras).toBe(extras)
        }),
        RUNS,
      )
    },
    PATIENCE,
  )
})
