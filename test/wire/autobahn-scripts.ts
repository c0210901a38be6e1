// What each case of the Autobahn list sends and what it must cause, for a peer whose messages are Realtime events instead of echoes.
import { BINARY, type Chop, CLOSE, CONTINUE, PING, PONG, type RawFrame, TEXT } from './raw-websocket.js'

/** Makes a text message of exactly this many bytes that passes unchanged to the other side. */
export type Message = (bytes: number) => string

export interface Script {
  readonly frames: readonly RawFrame[]
  readonly chop?: Chop
  /** Text messages that reach the other side, in order. */
  readonly passes?: readonly string[]
  /** Pongs that come back, in order. */
  readonly pongs?: readonly string[]
  /** `open`: the session goes on. Else the allowed close codes; 1006: no close frame. */
  readonly end: 'open' | readonly number[]
}

export interface Sizes {
  readonly maxMessage: number
  readonly maxFragments: number
}

const text = (payload: string | Buffer, more: Partial<RawFrame> = {}): RawFrame => ({ opcode: TEXT, payload, ...more })
const more = (payload: string | Buffer, fin = true): RawFrame => ({ opcode: CONTINUE, payload, fin })
const ping = (payload: string | Buffer = '', extra: Partial<RawFrame> = {}): RawFrame => ({ opcode: PING, payload, ...extra })
const closing = (payload: Buffer | string = ''): RawFrame => ({ opcode: CLOSE, payload })
export const closeBody = (code: number, reason: string | Buffer = ''): Buffer => Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason as string)])

const PROTOCOL = [1002]
const BAD_TEXT = [1007]
const NORMAL = [1000]

function fragments(payload: string, size: number, opcode = TEXT): readonly RawFrame[] {
  const bytes = Buffer.from(payload)
  const count = Math.max(1, Math.ceil(bytes.length / size))
  return Array.from({ length: count }, (_, n) => ({ opcode: n === 0 ? opcode : CONTINUE, payload: bytes.subarray(n * size, (n + 1) * size), fin: n === count - 1 }))
}

/** Undefined if the case has no script. */
export function scriptOf(id: string, message: Message, sizes: Sizes): Script | undefined {
  const [chapter = 0, section = 0, number = 0] = id.split('.').map(Number)
  switch (chapter) {
    case 1:
      return lengths(section, number, message)
    case 2:
      return pings(section)
    case 3:
      return reserved(section, message)
    case 4:
      return opcodes(section, number, message)
    case 5:
      return fragmented(section, message)
    case 6:
      return unicode(section, number, message)
    case 7:
      return closes(section, number, message)
    case 9:
      return big(section, number, message, sizes)
    case 10: {
      const sent = message(65_536)
      return { frames: fragments(sent, 1300), passes: [sent], end: 'open' }
    }
    default:
      return undefined
  }
}

function lengths(section: number, number: number, message: Message): Script | undefined {
  const size = [0, 125, 126, 127, 128, 65_535, 65_536, 65_536][number - 1]
  if (size === undefined) return undefined
  const chop = number === 8 ? 997 : 'whole'
  // An empty message is no event, and a binary one is refused: neither passes, and the session goes on.
  if (section === 2) return { frames: [{ opcode: BINARY, payload: Buffer.alloc(size, 0xfe) }], chop, end: 'open' }
  const sent = size === 0 ? '' : message(size)
  return { frames: [text(sent)], chop, passes: sent === '' ? [] : [sent], end: 'open' }
}

function pings(section: number): Script | undefined {
  const ten = Array.from({ length: 10 }, (_, n) => `payload-${n}`)
  const full = Buffer.alloc(125, 0xfe)
  const scripts: Readonly<Record<number, Script>> = {
    1: { frames: [ping()], pongs: [''], end: 'open' },
    2: { frames: [ping('Hello, world!')], pongs: ['Hello, world!'], end: 'open' },
    3: { frames: [ping(Buffer.from('00fffefdfcfb00ff', 'hex'))], pongs: [Buffer.from('00fffefdfcfb00ff', 'hex').toString('latin1')], end: 'open' },
    4: { frames: [ping(full)], pongs: [full.toString('latin1')], end: 'open' },
    5: { frames: [ping(Buffer.alloc(126, 0xfe))], end: PROTOCOL },
    6: { frames: [ping(full)], chop: 1, pongs: [full.toString('latin1')], end: 'open' },
    7: { frames: [{ opcode: PONG }], end: 'open' },
    8: { frames: [{ opcode: PONG, payload: 'unsolicited pong payload' }], end: 'open' },
    9: { frames: [{ opcode: PONG, payload: 'unsolicited' }, ping('ping payload')], pongs: ['ping payload'], end: 'open' },
    10: { frames: ten.map((one) => ping(one)), pongs: ten, end: 'open' },
    11: { frames: ten.map((one) => ping(one)), chop: 1, pongs: ten, end: 'open' },
  }
  return scripts[section]
}

function reserved(section: number, message: Message): Script | undefined {
  const sent = message(200)
  const chop: Chop = section === 3 ? 'frames' : section === 4 ? 1 : 'whole'
  if (section === 1) return { frames: [text(sent, { rsv: 1 })], end: PROTOCOL }
  if (section >= 2 && section <= 4) return { frames: [text(sent), text(sent, { rsv: section }), ping()], chop, passes: [sent], end: PROTOCOL }
  if (section === 5) return { frames: [{ opcode: BINARY, payload: sent, rsv: 5 }], end: PROTOCOL }
  if (section === 6) return { frames: [ping('x', { rsv: 6 })], end: PROTOCOL }
  return section === 7 ? { frames: [{ ...closing(closeBody(1000)), rsv: 7 }], end: PROTOCOL } : undefined
}

function opcodes(section: number, number: number, message: Message): Script | undefined {
  const opcode = (section === 1 ? 2 : 10) + number
  const sent = message(200)
  const odd: RawFrame = { opcode, payload: number % 2 === 0 ? 'reserved' : '' }
  return number <= 2 ? { frames: [odd], end: PROTOCOL } : { frames: [text(sent), odd, ping()], passes: [sent], end: PROTOCOL }
}

function fragmented(section: number, message: Message): Script | undefined {
  const sent = message(200)
  const [one, two] = [sent.slice(0, 90), sent.slice(90)]
  const parts = [text(one, { fin: false }), more(two)]
  const chop: Chop = section % 3 === 2 ? 1 : section % 3 === 1 ? 'frames' : 'whole'
  if (section === 1) return { frames: [ping('one', { fin: false }), more('two')], end: PROTOCOL }
  if (section === 2) return { frames: [{ opcode: PONG, payload: 'one', fin: false }, more('two')], end: PROTOCOL }
  if (section <= 5) return { frames: parts, chop, passes: [sent], end: 'open' }
  if (section <= 8) return { frames: [text(one, { fin: false }), ping('between'), more(two)], chop, passes: [sent], pongs: ['between'], end: 'open' }
  if (section <= 11) return { frames: [more('non-continuation'), text(sent)], chop: chopFrom(section, 9), end: PROTOCOL }
  if (section <= 14) return { frames: [more('non-continuation', false), text(sent)], chop: chopFrom(section, 12), end: PROTOCOL }
  if (section === 15) return { frames: [...parts, more('nothing', false), text(sent)], passes: [sent], end: PROTOCOL }
  if (section === 16) return { frames: [more('nothing', false), ...parts, more('nothing', false), ...parts], end: PROTOCOL }
  if (section === 17) return { frames: [more('nothing'), ...parts, more('nothing'), ...parts], end: PROTOCOL }
  if (section === 18) return { frames: [text(one, { fin: false }), text(two)], end: PROTOCOL }
  const five = [0, 1, 2, 3, 4].map((n) => sent.slice(n * 40, (n + 1) * 40))
  const frames = [
    text(five[0] ?? '', { fin: false }),
    more(five[1] ?? '', false),
    ping('pongme 1!'),
    more(five[2] ?? '', false),
    more(five[3] ?? '', false),
    ping('pongme 2!'),
    more(five[4] ?? ''),
  ]
  return { frames, chop: section === 20 ? 'frames' : 'whole', passes: [sent], pongs: ['pongme 1!', 'pongme 2!'], end: 'open' }
}

function chopFrom(section: number, first: number): Chop {
  return (['whole', 'frames', 1] as const)[section - first] ?? 'whole'
}

const INVALID = Buffer.from('cebae1bdb9cf83cebcceb5eda080656469746564', 'hex')

/** The bytes of a valid message with others put into its last string. */
export function spliced(message: string, bytes: Buffer): Buffer {
  const end = message.lastIndexOf('"')
  return Buffer.concat([Buffer.from(message.slice(0, end)), bytes, Buffer.from(message.slice(end))])
}

function unicode(section: number, number: number, message: Message): Script | undefined {
  const sent = message(200)
  const bad = spliced(sent, INVALID)
  const bytes = [...bad].map((byte) => Buffer.from([byte]))
  const single = bytes.map((byte, n): RawFrame => ({ opcode: n === 0 ? TEXT : CONTINUE, payload: byte, fin: n === bytes.length - 1 }))
  if (section === 1) {
    const parts = number === 1 ? [''] : number === 2 ? ['', '', ''] : ['', sent, '']
    const frames = parts.map((part, n): RawFrame => ({ opcode: n === 0 ? TEXT : CONTINUE, payload: part, fin: n === parts.length - 1 }))
    return { frames, passes: number === 3 ? [sent] : [], end: 'open' }
  }
  // Sections 6.2 and on with other sequences are run from the list of sequences.
  if (section === 2) return { frames: number === 1 ? [text(sent)] : fragments(sent, number === 2 ? 100 : 1), passes: [sent], end: 'open' }
  if (section === 3) return { frames: number === 1 ? [text(bad)] : single, end: BAD_TEXT }
  // The fault is found once the message is whole. Nothing of it has been passed on by then.
  if (section === 4) return { frames: number <= 2 ? fragmentsOf(bad, [150, 180]) : [text(bad)], chop: number <= 2 ? 'frames' : 60, end: BAD_TEXT }
  return undefined
}

function fragmentsOf(bytes: Buffer, cuts: readonly number[]): readonly RawFrame[] {
  const edges = [0, ...cuts, bytes.length]
  return edges.slice(1).map((end, n) => ({ opcode: n === 0 ? TEXT : CONTINUE, payload: bytes.subarray(edges[n], end), fin: end === bytes.length }))
}

function closes(section: number, number: number, message: Message): Script | undefined {
  const sent = message(200)
  const bye = closing(closeBody(1000))
  if (section === 1) {
    const [one, two] = [text(sent.slice(0, 90), { fin: false }), more(sent.slice(90))]
    const frames = [
      [text(sent), bye],
      [bye, closing(closeBody(1000))],
      [bye, ping('late')],
      [bye, text(sent)],
      [one, bye, two],
      [text(message(262_144)), bye, ping('late')],
    ][number - 1]
    const passes = number === 1 ? [sent] : number === 6 ? [message(262_144)] : []
    return frames && { frames, passes, end: NORMAL }
  }
  if (section === 3) {
    const scripts: readonly Script[] = [
      { frames: [closing()], end: [1000, 1005] },
      { frames: [closing('a')], end: PROTOCOL },
      { frames: [bye], end: NORMAL },
      { frames: [closing(closeBody(1000, 'Hello, world!'))], end: NORMAL },
      { frames: [closing(closeBody(1000, '*'.repeat(123)))], end: NORMAL },
      { frames: [closing(closeBody(1000, '*'.repeat(124)))], end: PROTOCOL },
    ]
    return scripts[number - 1]
  }
  if (section === 5) return { frames: [closing(closeBody(1000, INVALID))], end: [1002, 1007] }
  return section === 13 ? { frames: [closing(closeBody(number === 1 ? 5000 : 65_535))], end: PROTOCOL } : undefined
}

const KIB = 1024
const MIB = 1024 * KIB
const TOO_MUCH = [1008, 1009]

function big(section: number, number: number, message: Message, { maxMessage, maxFragments }: Sizes): Script | undefined {
  const size = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB][number - 1] ?? 0
  const piece = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB][number - 1] ?? 0
  const chop = 64 << (number - 1)
  switch (section) {
    case 1:
      return size > maxMessage ? { frames: [text(message(size))], end: [1009] } : passing([text(message(size))], message(size))
    case 2:
      return { frames: [{ opcode: BINARY, payload: Buffer.alloc(size, 0xfe) }], end: size > maxMessage ? [1009] : 'open' }
    case 3: {
      const sent = message(4 * MIB)
      const frames = fragments(sent, piece)
      return frames.length > maxFragments ? { frames, end: TOO_MUCH } : passing(frames, sent)
    }
    case 4: {
      const frames = fragments('*'.repeat(4 * MIB), piece, BINARY)
      return { frames, end: frames.length > maxFragments ? TOO_MUCH : 'open' }
    }
    case 5:
      return { ...passing([text(message(MIB))], message(MIB)), chop }
    case 6:
      return { frames: [{ opcode: BINARY, payload: Buffer.alloc(MIB, 0xfe) }], chop, end: 'open' }
    case 9:
      return {
        frames: Array.from({ length: maxMessage / (4 * KIB) + 2 }, (_, n) => ({ opcode: n === 0 ? TEXT : CONTINUE, payload: 'x'.repeat(4 * KIB), fin: false })),
        end: TOO_MUCH,
      }
    default:
      return undefined
  }
}

function passing(frames: readonly RawFrame[], sent: string): Script {
  return { frames, passes: [sent], end: 'open' }
}
