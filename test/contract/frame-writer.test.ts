// Frames written past `ws` are the frames `ws` reads, whatever memory they lie in and however slowly the socket takes them.
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { headerBytes, writeMasked, writeUnmasked } from '../../src/frame-writer.js'
import { frameBytes, wsReceiver } from '../support/wire-frames.js'

/** Keeps what it is given without a copy, and has taken it at once or only when `release` is called. */
class Holding extends Writable {
  readonly held: Buffer[] = []
  #release: (() => void) | undefined
  constructor(readonly slow: boolean) {
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

/** Frames that lie in one piece of memory as a server sent them, `gap` bytes between them. */
function asReceived(contents: readonly string[], gap: number): Buffer[] {
  const wires = contents.map((text) => frameBytes(0x81, Buffer.from(text), false))
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
      fc.tuple(fc.array(text, { minLength: 1, maxLength: 5 }), fc.constantFrom(0, 0, 7)).map(([contents, gap]) => asReceived(contents, gap)),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((groups) => groups.flat())

describe.each([true, false])('frames written past ws, masked: %s', (masked) => {
  it.each([true, false])('are read as they were, in order, by a socket that is slow: %s', (slow) => {
    fc.assert(
      fc.property(fc.array(turn, { minLength: 1, maxLength: 4 }), (turns) => {
        const socket = new Holding(slow)
        const before = turns.map((frames) => frames.map(String))
        for (const frames of turns) write(socket, frames, masked)
        socket.release()
        expect(texts(socket, masked)).toEqual(before.flat())
        expect(turns.map((frames) => frames.map(String))).toEqual(before)
      }),
      { numRuns: 300, seed: 11 },
    )
  })

  it('of one socket are not written over by those of another', () => {
    const [one, other] = [new Holding(true), new Holding(true)]
    write(one, [Buffer.alloc(3000, 0x61), Buffer.alloc(3000, 0x62)], masked)
    write(other, [Buffer.alloc(3000, 0x63), Buffer.alloc(3000, 0x64)], masked)
    expect(texts(one, masked)).toEqual(['a'.repeat(3000), 'b'.repeat(3000)])
    expect(texts(other, masked)).toEqual(['c'.repeat(3000), 'd'.repeat(3000)])
  })

  it('leave a slow socket no more memory than they take, but for the first turn', () => {
    const socket = new Holding(true)
    for (let i = 0; i < 20; i++) write(socket, [Buffer.alloc(5000, 0x61), Buffer.from('x')], masked)
    socket.release()
    const memory = new Set(socket.held.map((chunk) => chunk.buffer))
    const bytes = [...memory].reduce((sum, one) => sum + one.byteLength, 0)
    expect(bytes).toBeLessThan(64 * 1024 + 20 * 5100)
  })
})

it('what a server sent goes on from where it lies, all of it in one piece', () => {
  const socket = new Holding(true)
  const frames = asReceived(['one', 'x'.repeat(500), 'y'.repeat(70_000)], 0)
  write(socket, frames, false)
  expect(socket.held).toHaveLength(1)
  expect(socket.held[0]?.buffer).toBe(frames[0]?.buffer)
})

it('neighbours in memory in another order, or one of them twice, are sent as asked', () => {
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

it('bytes before a frame that are no header of it are not sent', () => {
  const socket = new Holding(false)
  const memory = Buffer.concat([Buffer.from([0x81, 0x04]), Buffer.from('abc')])
  write(socket, [memory.subarray(2)], false)
  expect(Buffer.concat(socket.held)).toEqual(frameBytes(0x81, Buffer.from('abc'), false))
})

it('every frame has a key of its own', () => {
  const socket = new Holding(false)
  for (let i = 0; i < 50; i++) write(socket, [Buffer.from('same')], true)
  expect(new Set(socket.held.map((wire) => wire.subarray(2, 6).toString('hex'))).size).toBeGreaterThan(45)
})
