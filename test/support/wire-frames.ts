// One RFC 6455 frame as bytes, legal or not, with any first byte and mask.
import { createRequire } from 'node:module'
import type { Writable } from 'node:stream'

interface ReceiverOptions {
  readonly isServer: boolean
  readonly maxPayload: number
  readonly maxFragments?: number
  readonly maxBufferedChunks?: number
}

const { Receiver } = createRequire(import.meta.url)('ws') as { Receiver: new (options: ReceiverOptions) => Writable }

/** The parser of `ws`, which its types leave out. */
export function wsReceiver(options: ReceiverOptions): Writable {
  return new Receiver(options)
}

const KEY = [0x11, 0x92, 0x53, 0xe4] as const

/** `first`: FIN, reserved bits and opcode. `size`: bytes of the header without the mask; by default that of the shortest form of the length. */
export function frameBytes(first: number, payload: Buffer, masked: boolean, size = headerSize(payload.length)): Buffer {
  const { length } = payload
  const header = Buffer.alloc(size + (masked ? 4 : 0))
  header[0] = first
  header[1] = (masked ? 0x80 : 0) | (size === 2 ? length : size === 4 ? 126 : 127)
  if (size === 4) header.writeUInt16BE(length, 2)
  if (size === 10) header.writeBigUInt64BE(BigInt(length), 2)
  if (!masked) return Buffer.concat([header, payload])
  header.set(KEY, size)
  return Buffer.concat([header, payload.map((byte, i) => byte ^ (KEY[i % 4] as number))])
}

function headerSize(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10
}
