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
  /** To the channel; false: there is none that is open. */
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
  /** Ends the library's threads once nobody holds the engine, or the process would never exit. */
  release(): void
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
let holders = 0

/** Undefined: node-datachannel is not installed. */
export async function loadPeerEngine(options: PeerOptions): Promise<PeerEngine | undefined> {
  let library: Library
  try {
    library = await import('node-datachannel')
  } catch {
    return undefined
  }
  holders++
  let held = true
  return {
    answer: (offer, listener) => answer(library, offer, listener, options),
    release() {
      if (!held) return
      held = false
      holders--
      if (holders === 0) library.cleanup()
    },
  }
}

async function answer(library: Library, offer: Offer, listener: PeerListener, { host, port }: PeerOptions): Promise<Peer> {
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
  let over = false
  const gone = () => {
    if (over) return
    over = true
    listener.onGone()
  }

  connection.onStateChange((state) => {
    if (state === 'connected' && !over) listener.onConnected()
    if (state === 'disconnected' || state === 'failed' || state === 'closed') gone()
  })
  connection.onDataChannel((opened) => {
    // Only the first counts: a second channel would be a second writer that nobody asked for.
    if (channel || over) return opened.close()
    channel = opened
    opened.onMessage((message) => {
      if (over) return
      if (typeof message === 'string') listener.onEvent(message)
      else listener.onBinary()
    })
    // A browser that leaves says so by its channel alone; without one its silence tells.
    opened.onClosed(gone)
    if (opened.isOpen()) listener.onOpen()
    else opened.onOpen(() => !over && listener.onOpen())
  })

  try {
    connection.setRemoteDescription(offer.sdp, 'offer')
    const track = connection.addTrack(audioOf(library, offer, ssrc))
    track.onMessage((packet) => {
      if (!over && !isRtcp(packet)) listener.onRtp(packet)
    })
    const ufrag = `${letters(8)}/realtimeapi/simulator`
    const password = letters(32)
    connection.setLocalDescription('answer', { iceUfrag: ufrag, icePwd: password })
    await gathered(connection)
    const sdp = connection.localDescription()?.sdp ?? ''
    return {
      local: { ufrag, password, ssrc, fingerprint: /^a=fingerprint:(.+?)\r?$/m.exec(sdp)?.[1] ?? '', candidates: candidatesOf(sdp) },
      send: (text) => !over && channel?.isOpen() === true && channel.sendMessage(text),
      waiting: () => (!over && channel?.isOpen() === true ? channel.bufferedAmount() : 0),
      sendRtp: (packet) => !over && track.isOpen() && track.sendMessageBinary(packet),
      close() {
        over = true
        if (channel?.isOpen()) channel.close()
        closeAll(track, connection)
      },
    }
  } catch (error) {
    over = true
    connection.close()
    throw error
  }
}

function closeAll(track: Track, connection: PeerConnection): void {
  if (track.isOpen()) track.close()
  connection.close()
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
