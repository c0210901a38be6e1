// `ws` reads exactly the frames written past it, wherever they lie in memory and however slowly the socket takes them.
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { headerBytes, writeMasked, writeUnmasked } from '../../src/wire/frame-writer.js'
import { fc } from '../support/property.js'
import { frameBytes, wsReceiver } from '../support/wire-frames.js'

/** Keeps the written buffers without a copy. Reports a write as done at once, or only when `release` is called; with TLS never at once. */
class Holding extends Writable {
  readonly held: Buffer[] = []
  #release: (() => void) | undefined
  constructor(
    readonly slow: boolean,
    readonly encrypted = false,
  ) {
    super({ highWaterMark: 1e9 })
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    // One that takes it at once has copied it, as the system does.
    this.held.push(this.slow ? chunk : Buffer.from(chunk))
    if (this.slow) this.#release = done
    else done()
  }
  release(): void {
    while (this.#release) {
      const done = this.#release
      this.#release = undefined
      done()
    }
  }
}

function texts(socket: Holding, masked: boolean): string[] {
  const receiver = wsReceiver({ isServer: masked, maxPayload: 1_000_000 })
  const heard: string[] = []
  receiver.on('message', (data: Buffer) => heard.push(data.toString()))
  receiver.write(Buffer.concat(socket.held))
  return heard
}

const write = (socket: Holding, frames: readonly Buffer[], masked: boolean) => {
  const total = frames.reduce((sum, frame) => sum + headerBytes(frame.length, masked) + frame.length, 0)
  ;(masked ? writeMasked : writeUnmasked)(socket as unknown as Socket, frames, total)
}

/** Frames that lie in one piece of memory as a server sent them, `gap` bytes between them; the last one, if `spoilt`, behind no header of a text. */
function asReceived(contents: readonly string[], gap: number, spoilt = false): Buffer[] {
  const wires = contents.map((text, i) => frameBytes(spoilt && i === contents.length - 1 ? 0x82 : 0x81, Buffer.from(text), false))
  const memory = Buffer.concat(wires.flatMap((wire) => [wire, Buffer.alloc(gap, 0x81)]))
  let at = 0
  return wires.map((wire, i) => {
    const end = at + wire.length
    const frame = memory.subarray(end - Buffer.byteLength(contents[i] as string), end)
    at = end + gap
    return frame
  })
}

const text = fc.oneof(
  fc.string({ maxLength: 300 }),
  fc.tuple(fc.constantFrom(0, 125, 126, 4000, 9000, 65_535, 65_536), fc.constantFrom('a', 'b', 'c')).map(([length, letter]) => letter.repeat(length)),
)
const turn = fc
  .array(
    fc.oneof(
      text.map((one) => [Buffer.from(one)]),
      fc
        .tuple(fc.array(text, { minLength: 1, maxLength: 5 }), fc.constantFrom(0, 0, 7), fc.constantFrom(false, false, true))
        .map(([contents, gap, spoilt]) => asReceived(contents, gap, spoilt)),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((groups) => groups.flat())

describe.each([true, false])('frames written past ws, masked: %s', (masked) => {
  it('are read unchanged and in order, however slowly and in whatever order the sockets take them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 3 }), turn, fc.boolean()), { minLength: 1, maxLength: 8 }), (turns) => {
        const sockets = [new Holding(true), new Holding(true), new Holding(false), new Holding(true, true)]
        const before = turns.map(([, frames]) => frames.map((frame) => Buffer.from(frame)))
        for (const [which, frames, release] of turns) {
          write(sockets[which] as Holding, frames, masked)
          if (release) sockets[which]?.release()
        }
        for (const [which, socket] of sockets.entries()) {
          socket.release()
          expect(texts(socket, masked)).toEqual(before.filter((_, i) => turns[i]?.[0] === which).flatMap((frames) => frames.map(String)))
        }
        for (const [i, [, frames]] of turns.entries()) expect(Buffer.concat(before[i] as Buffer[]).equals(Buffer.concat(frames))).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('of one socket are not overwritten by those of another', () => {
    const [one, other] = [new Holding(true), new Holding(true)]
    write(one, [Buffer.alloc(3000, 0x61), Buffer.alloc(3000, 0x62)], masked)
    write(other, [Buffer.alloc(3000, 0x63), Buffer.alloc(3000, 0x64)], masked)
    expect(texts(one, masked)).toEqual(['a'.repeat(3000), 'b'.repeat(3000)])
    expect(texts(other, masked)).toEqual(['c'.repeat(3000), 'd'.repeat(3000)])
  })

  it.each([
    ['that has a backlog', false],
    ['of TLS, the first write too', true],
  ])('keep no more memory than their size in a socket %s', (_name, encrypted) => {
    const socket = new Holding(true, encrypted)
    if (!encrypted) write(socket, [Buffer.from('the backlog')], masked)
    // Smaller ones come out of Node's pool, 8 KiB or 64 KiB by its version, shared with others.
    const lengths = [5000, 9000, 40_000, 45_000, 65_000, 70_000]
    for (const length of lengths) write(socket, [Buffer.alloc(length, 0x61), Buffer.from('x')], masked)
    socket.release()
    const own = socket.held.filter((chunk) => chunk.length >= Buffer.poolSize / 2)
    expect(own).toHaveLength(lengths.filter((length) => length >= Buffer.poolSize / 2).length)
    for (const chunk of own) expect(chunk.buffer.byteLength).toBe(chunk.length)
  })

  it('of more than 64 KiB keep little more than their size in a socket that takes them late', () => {
    for (const length of [66_000, 90_000, 100_000, 130_000, 150_000, 190_000, 200_000, 270_000]) {
      const socket = new Holding(true)
      write(socket, [Buffer.alloc(length - 10, 0x61), Buffer.from('x')], masked)
      socket.release()
      // What comes out of Node's pool is shared with others.
      const own = socket.held.filter((chunk) => chunk.length >= Buffer.poolSize / 2)
      expect(own.reduce((bytes, chunk) => bytes + chunk.buffer.byteLength, 0)).toBeLessThan(length * 1.6)
    }
  })

  it('of a few bytes keep 4 KiB in a socket that takes them late, and in one with a backlog no more than their size', () => {
    const [socket, other] = [new Holding(true), new Holding(true)]
    for (const one of [socket, socket, other]) write(one, [Buffer.from('few')], masked)
    socket.release()
    expect([socket.held[0], other.held[0]].map((chunk) => chunk?.buffer.byteLength)).toEqual([4096, 4096])
    expect(socket.held[0]?.buffer).not.toBe(other.held[0]?.buffer)
    // Out of Node's pool.
    expect(socket.held[1]?.buffer.byteLength).toBe(Buffer.poolSize)
    expect([texts(socket, masked), texts(other, masked)]).toEqual([['few', 'few'], ['few']])
  })

  it('allocate no memory if the system takes them at once', () => {
    const socket = new Holding(false)
    const given: ArrayBufferLike[] = []
    const spied = vi.spyOn(socket, 'write').mockImplementation((chunk: Buffer) => given.push(chunk.buffer) > 0)
    for (const length of [5000, 3000, 14_000]) write(socket, [Buffer.alloc(length, 0x61), Buffer.alloc(2000, 0x62)], masked)
    expect(spied).toHaveBeenCalledTimes(3)
    expect(new Set(given).size).toBe(1)
    for (const length of [0, 300, 4000]) write(socket, [Buffer.alloc(length, 0x61)], masked)
    expect(new Set(given).size).toBe(2)
  })
})

it('frames from a server are written in one piece from where they lie', () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 2, maxLength: 6 }), fc.nat({ max: 9 }), (contents, lead) => {
      const frames = asReceived(['x'.repeat(lead), ...contents], 0).slice(1)
      const socket = new Holding(true)
      write(socket, frames, false)
      const [first] = frames as [Buffer]
      expect(socket.held).toHaveLength(1)
      expect(socket.held[0]?.buffer).toBe(first.buffer)
      expect(socket.held[0]?.byteOffset).toBe(first.byteOffset - headerBytes(first.length, false))
    }),
    { numRuns: 200 },
  )
})

it.each([
  ['big frames apart are not copied', 7, false],
  ['a big frame behind the header of something else is not copied', 0, true],
])('%s', (_name, gap, spoilt) => {
  const frames = asReceived(['a'.repeat(20_000), 'b'.repeat(20_000)], gap, spoilt)
  const socket = new Holding(false)
  const given: Buffer[] = []
  vi.spyOn(socket, 'write').mockImplementation((chunk: Buffer) => given.push(chunk) > 0)
  write(socket, frames, false)
  const inPlace = given.filter((chunk) => chunk.buffer === frames[0]?.buffer)
  expect(inPlace.map((chunk) => chunk.length)).toEqual([20_004, spoilt ? 20_000 : 20_004])
})

it('neighbours in memory, sent in another order or one of them twice, are written in the given order', () => {
  const [a, b] = asReceived(['a', 'b'], 0) as [Buffer, Buffer]
  for (const frames of [
    [b, a],
    [a, a],
  ]) {
    const socket = new Holding(false)
    write(socket, frames, false)
    expect(texts(socket, false)).toEqual(frames.map(String))
  }
})

it('bytes before a frame that are not its header are not sent', () => {
  const socket = new Holding(false)
  const memory = Buffer.concat([Buffer.from([0x81, 0x04]), Buffer.from('abc')])
  write(socket, [memory.subarray(2)], false)
  expect(Buffer.concat(socket.held)).toEqual(frameBytes(0x81, Buffer.from('abc'), false))
})

it('every frame has its own key, even within one write', () => {
  const socket = new Holding(false)
  for (let i = 0; i < 50; i++) write(socket, Array(100).fill(Buffer.from('same')), true)
  const wire = Buffer.concat(socket.held)
  const keys = Array.from({ length: 5000 }, (_, i) => wire.readUInt32BE(i * 10 + 2))
  // Of 5000 at random, two are the same once in 340 runs; in five pairs, never.
  expect(new Set(keys).size).toBeGreaterThan(4995)
})
