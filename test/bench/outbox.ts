// Sends audio: saturated within a window of unacknowledged bytes, paced like speech, or as random messages cut at random places.
import { createHash, randomInt } from 'node:crypto'
import type { Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { audioPayload, type Direction, filler, nowMicros, type Ring, ringOf, type StampedFrame, stampedFrame, transcriptPayload } from './audio-frames.js'
import { encodeFrame } from './wire.js'

/** Where one session's audio goes. */
export interface Channel {
  readonly session: number
  readonly socket: Socket
  sent: number
  /** How much the other end has reported. */
  acked: number
  onAck: (() => void) | undefined
}

export function channelOf(session: number, socket: Socket): Channel {
  return { session, socket, sent: 0, acked: 0, onAck: undefined }
}

/** Ring length in messages and slice length, for one size of message: slices of about 64 KiB, a ring of four. */
export function ringShape(audioChars: number): { slice: number; ring: number } {
  const slice = Math.max(4, Math.floor(65_536 / audioChars))
  return { slice, ring: slice * 4 }
}

export interface Saturation {
  /** Messages per session, rounded up to whole slices. */
  readonly frames: number
  /** Unacknowledged bytes allowed per session, at least two slices. */
  readonly windowBytes: number
  /** Milliseconds after which sending stops, even before `frames`. */
  readonly stopAfterMs: number
}

export interface Rings {
  readonly of: ReadonlyMap<Channel, Ring>
  readonly slice: number
}

export function ringsFor(direction: Direction, channels: readonly Channel[], audioChars: number, run: number): Rings {
  const { slice, ring } = ringShape(audioChars)
  return { of: new Map(channels.map((channel) => [channel, ringOf(direction, channel.session, audioChars, ring, run)])), slice }
}

/** Resolves to the number of messages sent, once all of them are acknowledged. The caller must bound the wait. */
export async function saturate(rings: Rings, settings: Saturation): Promise<number> {
  const until = nowMicros() + settings.stopAfterMs * 1000
  const sent = await Promise.all([...rings.of].map(([channel, ring]) => saturateOne(channel, ring, rings.slice, settings, until)))
  return sent.reduce((sum, each) => sum + each, 0)
}

function saturateOne(channel: Channel, ring: Ring, slice: number, settings: Saturation, until: number): Promise<number> {
  const target = Math.ceil(settings.frames / slice) * slice
  const window = Math.max(2 * slice, Math.floor(settings.windowBytes / ring.frameBytes))
  channel.sent = 0
  channel.acked = 0
  return new Promise((resolve) => {
    let blocked = false
    let stopped = false
    const pump = (): void => {
      // A report of the measurement before, which has come late.
      if (channel.acked > channel.sent) return
      if (!stopped && nowMicros() > until) stopped = true
      while (!stopped && !blocked && channel.sent < target && channel.sent - channel.acked + slice <= window) {
        const at = (channel.sent % ring.frames) * ring.frameBytes
        channel.sent += slice
        if (!channel.socket.write(ring.bytes.subarray(at, at + slice * ring.frameBytes))) {
          blocked = true
          channel.socket.once('drain', () => {
            blocked = false
            pump()
          })
        }
      }
      if (channel.acked >= channel.sent && (stopped || channel.sent >= target)) {
        channel.onAck = undefined
        resolve(channel.sent)
      }
    }
    channel.onAck = pump
    pump()
  })
}

export interface Pace {
  /** Time between two messages of one session. Sessions are spread evenly over it. */
  readonly intervalMs: number
  readonly durationMs: number
}

export interface PaceReport {
  readonly sent: number
  /** The largest delay of a message after its time, in milliseconds, which the generator itself adds. */
  readonly maxLagMs: number
}

export function stampedFor(direction: Direction, channels: readonly Channel[], audioChars: number, run: number): ReadonlyMap<Channel, StampedFrame> {
  return new Map(channels.map((channel) => [channel, stampedFrame(direction, channel.session, audioChars, run)]))
}

/** Open loop: messages are sent at their time whether or not any arrive. */
export async function pace(frames: ReadonlyMap<Channel, StampedFrame>, settings: Pace): Promise<PaceReport> {
  const entries = [...frames]
  const step = (settings.intervalMs * 1000) / entries.length
  const total = entries.length * Math.floor(settings.durationMs / settings.intervalMs)
  const start = nowMicros()
  let sent = 0
  let maxLag = 0
  while (sent < total) {
    const now = nowMicros()
    while (sent < total && start + sent * step <= now) {
      const [channel, { frame, stamp }] = entries[sent % entries.length]!
      const at = nowMicros()
      maxLag = Math.max(maxLag, at - (start + sent * step))
      // What the kernel has not taken yet still points at the frame, which must then stay as it is.
      const into = channel.socket.writableLength === 0 ? frame : Buffer.from(frame)
      stamp(into, Math.floor(sent / entries.length), at)
      channel.socket.write(into)
      sent++
    }
    await sleep(1)
  }
  return { sent, maxLagMs: maxLag / 1000 }
}

export interface Verification {
  /** Messages a session. */
  readonly frames: number
  /** Length of the longest message in characters. Short and long ones are equally likely. */
  readonly maxChars: number
}

/** Sends random messages cut at random places; resolves to session number → SHA-256 in the inbox's form. */
export async function sendRandom(direction: Direction, channels: readonly Channel[], settings: Verification, run: number): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {}
  await Promise.all(
    channels.map(async (channel) => {
      const hash = createHash('sha256')
      for (let i = 0; i < settings.frames; i++) {
        const { payload, text } = randomMessage(direction, i, settings.maxChars, run)
        hash.update(`${text.length}:`).update(text)
        await writeCut(channel.socket, encodeFrame(payload, direction === 'up'))
      }
      hashes[channel.session] = hash.digest('hex')
    }),
  )
  return hashes
}

function randomMessage(direction: Direction, index: number, maxChars: number, run: number): { payload: Buffer; text: string } {
  if (direction === 'down' && index % 8 === 3) {
    const text = 'grüße, 你好, привет, 😀 '.repeat(randomInt(1, 20))
    return { payload: transcriptPayload(text, run), text }
  }
  const chars = index === 0 ? 0 : index === 1 ? maxChars : Math.floor(maxChars ** Math.random())
  const text = filler(Math.floor(chars / 4) * 4)
  if (direction === 'up' && index % 8 === 5) return { payload: Buffer.from(`{"type":"input_audio_buffer.append","event_id":"evt_${index}","audio":"${text}"}`), text }
  // Some encoders escape the slash. The order must stay even if a relay has to parse this message.
  if (direction === 'up' && index % 8 === 7) return { payload: audioPayload(direction, text.replaceAll('/', '\\/'), run), text }
  return { payload: audioPayload(direction, text, run), text }
}

async function writeCut(socket: Socket, frame: Buffer): Promise<void> {
  const cuts = Array.from({ length: randomInt(0, 5) }, () => randomInt(0, frame.length)).sort((a, b) => a - b)
  let from = 0
  for (const to of [...cuts, frame.length]) {
    if (to === from) continue
    const flowing = socket.write(frame.subarray(from, to))
    from = to
    if (!flowing) await new Promise<void>((resolve) => socket.once('drain', resolve))
    else await nextTurn()
  }
}
