// RTP packets with Opus: what one says without decoding its sound, and how one is written.

export interface SoundPacket {
  readonly sequence: number
  readonly payloadType: number
  /** How long its sound is; 0 for one that cannot be read. */
  readonly ms: number
  /** Bytes of Opus. */
  readonly size: number
  /** Decibels below the loudest sound, 0 to 127, if the sender tells. */
  readonly level: number | undefined
}

const HEADER_BYTES = 12
const CLOCK_PER_MS = 48
export const FRAME_MS = 20
export const FRAME_TICKS = FRAME_MS * CLOCK_PER_MS
/** RFC 6716: no packet is longer. */
const MAX_PACKET_MS = 120

/** Undefined: no RTP packet, or one that is cut. `levelId`: the extension of RFC 6464, if it was agreed on. */
export function readRtp(packet: Buffer, levelId: number | undefined): SoundPacket | undefined {
  if (packet.length < HEADER_BYTES || (packet[0] ?? 0) >> 6 !== 2) return undefined
  const first = packet[0] ?? 0
  let at = HEADER_BYTES + (first & 0x0f) * 4
  let level: number | undefined
  if (first & 0x10) {
    if (at + 4 > packet.length) return undefined
    const end = at + 4 + packet.readUInt16BE(at + 2) * 4
    if (end > packet.length) return undefined
    if (levelId !== undefined) level = levelIn(packet, at, end, levelId)
    at = end
  }
  const padding = first & 0x20 ? (packet.at(-1) ?? 0) : 0
  const size = packet.length - at - padding
  if (size < 0) return undefined
  return { sequence: packet.readUInt16BE(2), payloadType: (packet[1] ?? 0) & 0x7f, ms: opusMs(packet.subarray(at, at + size)), size, level }
}

/** RFC 8285: elements with heads of one byte or of two. */
function levelIn(packet: Buffer, from: number, end: number, levelId: number): number | undefined {
  const profile = packet.readUInt16BE(from)
  const short = profile === 0xbede
  if (!short && profile >> 4 !== 0x100) return undefined
  let at = from + 4
  while (at < end) {
    const head = packet[at] ?? 0
    if (head === 0) {
      at++
      continue
    }
    const id = short ? head >> 4 : head
    const length = short ? (head & 0x0f) + 1 : (packet[at + 1] ?? 0)
    const data = at + (short ? 1 : 2)
    if (id === levelId && length >= 1 && data < end) return (packet[data] ?? 0) & 0x7f
    at = data + length
  }
  return undefined
}

/** From the first byte, and the second if it counts the frames (RFC 6716, 3.1 and 3.2). */
function opusMs(opus: Buffer): number {
  const head = opus[0]
  if (head === undefined) return 0
  const mode = head >> 3
  const frame = mode < 12 ? ([10, 20, 40, 60][mode & 3] ?? 0) : mode < 16 ? ([10, 20][mode & 1] ?? 0) : ([2.5, 5, 10, 20][mode & 3] ?? 0)
  const frames = (head & 3) === 0 ? 1 : (head & 3) < 3 ? 2 : (opus[1] ?? 0) & 0x3f
  return Math.min(frame * frames, MAX_PACKET_MS)
}

export interface RtpWriter {
  /** The next packet. `first`: of a stretch of sound after silence, `ticks` after the one before it. */
  write(opus: Buffer, ticks: number, first: boolean): Buffer
}

/** Sequence and time go on from random numbers, as RFC 3550 asks. */
export function createRtpWriter(ssrc: number, payloadType: number, start: { readonly sequence: number; readonly time: number }): RtpWriter {
  let { sequence, time } = start
  return {
    write(opus, ticks, first) {
      sequence = (sequence + 1) & 0xffff
      time = (time + ticks) >>> 0
      const packet = Buffer.allocUnsafe(HEADER_BYTES + opus.length)
      packet[0] = 0x80
      packet[1] = (first ? 0x80 : 0) | payloadType
      packet.writeUInt16BE(sequence, 2)
      packet.writeUInt32BE(time, 4)
      packet.writeUInt32BE(ssrc, 8)
      opus.copy(packet, HEADER_BYTES)
      return packet
    },
  }
}
