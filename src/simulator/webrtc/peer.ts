// The one place that knows node-datachannel: answers an offer with a real ICE, DTLS and SRTP peer, behind a few calls.
import { randomBytes, randomInt } from 'node:crypto'
import type { DataChannel, PeerConnection, Track } from 'node-datachannel'
import { LEVEL_URI, type Offer } from './offer.js'

type Library = typeof import('node-datachannel')

/** What the engine chose for its side. The answer is written from it. */
export interface LocalSide {
  readonly ufrag: string
  readonly password: string
  /** `sha-256 AB:CD:…` */
  readonly fingerprint: string
  /** Who begins DTLS: `active`, unless the offer wants to. */
  readonly setup: 'active' | 'passive'
  readonly candidates: readonly { readonly address: string; readonly port: number }[]
  readonly ssrc: number
}

export interface PeerListener {
  /** The browser's channel is open. */
  onOpen(): void
  onEvent(text: string): void
  onBinary(): void
  /** A whole RTP packet. RTCP never comes. */
  onRtp(packet: Buffer): void
  /** ICE and DTLS are up. */
  onConnected(): void
  /** The other side has left, or was lost. At most once, and never after `close`. */
  onGone(): void
}

export interface Peer {
  readonly local: LocalSide
  /** To the channel; false: there is none that is open, or the browser takes no message that long. */
  send(text: string): boolean
  /** Bytes that wait in the channel. */
  waiting(): number
  sendRtp(packet: Buffer): boolean
  /** The channel first, since the other side learns of that at once, then the rest. */
  close(): void
}

export interface PeerEngine {
  /** Rejects if the offer is not to be understood. */
  answer(offer: Offer, listener: PeerListener): Promise<Peer>
  /** Resolves once every peer that was closed is gone from the library too, at the latest after a second. */
  settled(): Promise<void>
}

export interface PeerOptions {
  /** An address, or undefined for every one of this machine. */
  readonly host: string | undefined
  /** One UDP port for all calls; 0: a free one. */
  readonly port: number
}

const MAX_MESSAGE_BYTES = 21 * 1024 * 1024
const GATHER_MS = 5000
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const SETTLE_MS = 1000

/** Undefined: node-datachannel is not installed. */
export async function loadPeerEngine(options: PeerOptions): Promise<PeerEngine | undefined> {
  let library: Library
  try {
    library = await import('node-datachannel')
  } catch {
    return undefined
  }
  const kept = createKept()
  return { answer: (offer, listener) => answer(library, kept, offer, listener, options), settled: kept.settled }
}

interface Kept {
  add(part: object): void
  /** The library has told that this part is closed. */
  closed(part: object): void
  settled(): Promise<void>
}

/**
 * What the library calls back must be referred to until it says `closed`: it frees a part that was collected, and then calls into it.
 * So each part has a listener for its end. With one the process can exit too, and the library's own `cleanup`, which trips over collected parts, is never needed.
 */
function createKept(): Kept {
  const parts = new Set<object>()
  let waiting: (() => void)[] = []
  return {
    add: (part) => void parts.add(part),
    closed(part) {
      // Its listener is still running.
      setImmediate(() => {
        parts.delete(part)
        if (parts.size > 0) return
        for (const resolve of waiting) resolve()
        waiting = []
      })
    },
    settled: () =>
      new Promise((resolve) => {
        if (parts.size === 0) return resolve()
        waiting.push(resolve)
        setTimeout(resolve, SETTLE_MS).unref()
      }),
  }
}

async function answer(library: Library, kept: Kept, offer: Offer, listener: PeerListener, { host, port }: PeerOptions): Promise<Peer> {
  const connection = new library.PeerConnection('call', {
    iceServers: [],
    disableAutoNegotiation: true,
    enableIceUdpMux: true,
    maxMessageSize: MAX_MESSAGE_BYTES,
    ...(host !== undefined && { bindAddress: host }),
    ...(port !== 0 && { portRangeBegin: port, portRangeEnd: port }),
  })
  const ssrc = randomInt(1, 0xffff_ffff)
  let channel: DataChannel | undefined
  let track: Track | undefined
  let over = false
  const gone = () => {
    if (over) return
    over = true
    listener.onGone()
  }
  let ended = false
  const close = () => {
    if (ended) return
    ended = true
    over = true
    if (channel?.isOpen()) channel.close()
    connection.close()
    track?.close()
  }

  kept.add(connection)
  connection.onStateChange((state) => {
    if (state === 'connected' && !over) listener.onConnected()
    if (state === 'disconnected' || state === 'failed' || state === 'closed') gone()
    if (state === 'closed') kept.closed(connection)
  })
  connection.onDataChannel((opened) => {
    kept.add(opened)
    const isFirst = channel === undefined && !over
    opened.onClosed(() => {
      kept.closed(opened)
      if (!isFirst) return
      channel = undefined
      // A browser that leaves closes its channel; without one DTLS says so, or its silence.
      gone()
    })
    // Only the first counts: a second channel would be a second writer that nobody asked for.
    if (!isFirst) return opened.close()
    channel = opened
    opened.onMessage((message) => {
      if (over) return
      if (typeof message === 'string') listener.onEvent(message)
      else listener.onBinary()
    })
    if (opened.isOpen()) listener.onOpen()
    else opened.onOpen(() => !over && listener.onOpen())
  })

  try {
    connection.setRemoteDescription(offer.sdp, 'offer')
    const media = connection.addTrack(audioOf(library, offer, ssrc))
    track = media
    kept.add(media)
    media.onClosed(() => kept.closed(media))
    media.onMessage((packet) => {
      if (!over && !isRtcp(packet)) listener.onRtp(packet)
    })
    const ufrag = `${letters(8)}/realtimeapi/simulator`
    const password = letters(32)
    connection.setLocalDescription('answer', { iceUfrag: ufrag, icePwd: password })
    await gathered(connection)
    const sdp = connection.localDescription()?.sdp ?? ''
    return {
      local: {
        ufrag,
        password,
        ssrc,
        fingerprint: /^a=fingerprint:(.+?)\r?$/m.exec(sdp)?.[1] ?? '',
        setup: /^a=setup:passive/m.test(sdp) ? 'passive' : 'active',
        candidates: candidatesOf(sdp),
      },
      send: (text) => !over && channel?.isOpen() === true && Buffer.byteLength(text) <= channel.maxMessageSize() && channel.sendMessage(text),
      waiting: () => (!over && channel?.isOpen() === true ? channel.bufferedAmount() : 0),
      sendRtp: (packet) => !over && media.isOpen() && media.sendMessageBinary(packet),
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}

/** With the offer's own payload type, since every browser has another, and without the library's stereo at 96 kbit/s. */
function audioOf(library: Library, offer: Offer, ssrc: number) {
  const audio = new library.Audio(offer.audio.mid, 'SendRecv')
  audio.addOpusCodec(offer.audio.opus, 'minptime=10;useinbandfec=1')
  if (offer.audio.levelId !== undefined) audio.parseSdpLine(`a=extmap:${offer.audio.levelId} ${LEVEL_URI}`)
  audio.addSSRC(ssrc, 'realtimeapi', 'realtimeapi', 'audio')
  return audio
}

function gathered(connection: PeerConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no address was found in time')), GATHER_MS)
    const look = () => {
      if (connection.gatheringState() !== 'complete') return
      clearTimeout(timer)
      resolve()
    }
    connection.onGatheringStateChange(look)
    look()
  })
}

function candidatesOf(sdp: string): LocalSide['candidates'] {
  return [...sdp.matchAll(/^a=candidate:\S+ 1 UDP \d+ (\S+) (\d+) typ host/gim)].map(([, address = '', port]) => ({ address, port: Number(port) }))
}

/** RFC 5761: these payload types are packets of RTCP. */
function isRtcp(packet: Buffer): boolean {
  const type = (packet[1] ?? 0) & 0x7f
  return type >= 64 && type <= 95
}

function letters(length: number): string {
  return Array.from(randomBytes(length), (byte) => LETTERS[byte % LETTERS.length]).join('')
}
