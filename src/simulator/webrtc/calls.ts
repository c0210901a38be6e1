// The WebRTC calls of one simulator: answers an offer, joins peer and session, and ends both together.
import { createHash, randomInt } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import type { Faults } from '../faults.js'
import type { Chance } from '../ids.js'
import type { LinkHooks } from '../link.js'
import type { OpenSessions } from '../open-sessions.js'
import type { OpenCall, SimulatorOptions } from '../options.js'
import { writeAnswer } from './answer-sdp.js'
import { type CallLink, createCallLink } from './call-link.js'
import type { CallSession } from './call-session.js'
import { isShown } from './channel-filter.js'
import { type Offer, readOffer } from './offer.js'
import { loadPeerEngine, type Peer, type PeerEngine, type PeerListener } from './peer.js'
import { createPlayback } from './playback.js'
import { type JoinedCall, joinSideband, type SidebandSocket } from './sideband.js'
import { createUplink } from './uplink.js'

export interface CallStart {
  readonly sdp: string
  readonly session: CallSession
  /** `webrtcfilter=on`. */
  readonly filtered: boolean
  readonly target: string
  readonly headers: IncomingHttpHeaders
}

export type Placed =
  | { readonly type: 'placed'; readonly callId: string; readonly sdp: string }
  | { readonly type: 'refused'; readonly status: number; readonly code: string; readonly message: string }

export interface Calls {
  place(start: CallStart): Promise<Placed>
  has(callId: string): boolean
  /** A sideband's socket, which is up. */
  attach(callId: string, socket: SidebandSocket): void
  /** False: no such call is open. */
  hangUp(callId: string): boolean
  open(): readonly OpenCall[]
  /** Loads what takes long at first. */
  warm(): void
  /** After the calls have ended. */
  release(): Promise<void>
}

interface Call extends JoinedCall {
  readonly state: { connected: boolean; channel: boolean }
}

const MAX_CALLS = 500
/** Nobody came after the answer. */
const CONNECT_MS = 30_000
/** More waits than any page would leave unread. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024

export function createCalls(options: SimulatorOptions, sessions: OpenSessions, nextChance: () => Chance, faults: () => Faults): Calls {
  const calls = new Map<string, Call>()
  let engine: Promise<PeerEngine | undefined> | undefined
  let closing = false
  const loaded = () => {
    engine ??= loadPeerEngine({ host: boundTo(options.host), port: options.webrtcPort ?? 0 })
    return engine
  }

  const join = (callId: string, chance: Chance, start: CallStart, offer: Offer, peer: Peer): Call => {
    const state = { connected: false, channel: false }
    const channel = {
      shows: (type: string) => !start.filtered || isShown(type),
      send: (text: string) => void (peer.waiting() < MAX_WAITING_BYTES && peer.send(text)),
      close: peer.close,
    }
    let made: { link: CallLink; hooks: LinkHooks } | undefined
    const opened = sessions.open({
      dialect: 'ga',
      deployment: start.session.deployment,
      type: start.session.type,
      target: start.target,
      headers: start.headers,
      chance,
      openLink(hooks) {
        const link = createCallLink(hooks, channel, (code) => {
          calls.delete(callId)
          // A fault may end a session while it is being made.
          setImmediate(() => opened.ended(code))
        })
        made = { link, hooks }
        return link
      },
      call: {
        settings: start.session.settings,
        createSpeaker: (session) => {
          session.after(CONNECT_MS, () => state.connected || made?.link.close(1000, ''))
          return createPlayback({
            ssrc: peer.local.ssrc,
            opus: offer.audio.opus,
            start: { sequence: randomInt(0x8000), time: randomInt(0x8000_0000) },
            sendRtp: (packet) => void peer.sendRtp(packet),
            send: session.send,
            after: session.after,
          })
        },
      },
    })
    return { session: opened.session, state, ...(made as unknown as { link: CallLink; hooks: LinkHooks }) }
  }

  return {
    async place(start) {
      const ready = await loaded()
      if (!ready)
        return refused(
          501,
          'webrtc_peer_missing',
          'The simulator answers WebRTC calls only if the package node-datachannel is installed beside it: npm install --save-dev node-datachannel.',
        )
      const reading = readOffer(start.sdp)
      if (!reading.ok) return refused(400, 'invalid_offer', reading.message)
      if (calls.size >= MAX_CALLS) return refused(429, '429', 'There are too many calls.')
      let call: Call | undefined
      const uplink = createUplink({
        ...reading.offer.audio,
        hear: (pcm) => void (faults().freeze || call?.session.hear(pcm)),
        speaking: () => call?.session.speaking === true,
        after: (ms, callback) => call?.session.after(ms, callback),
      })
      const peer = await answered(ready, reading.offer, {
        onOpen: () => {
          if (call) call.state.channel = true
        },
        onEvent: (text) => call?.link.asking('channel', () => call?.session.receive(text, false)),
        onBinary: () => call?.link.asking('channel', () => call?.session.receive('', true)),
        onRtp: uplink.take,
        onConnected: () => {
          if (call) call.state.connected = true
        },
        onGone: () => call?.link.close(1000, ''),
      })
      if ('message' in peer) return refused(400, 'invalid_offer', `The SDP offer cannot be used: ${peer.message.slice(0, 200)}.`)
      if (closing) {
        peer.close()
        return refused(503, '503', 'The simulator ends.')
      }
      const chance = nextChance()
      const callId = `rtc_${createHash('sha256').update(chance.letters(32)).digest('hex').slice(0, 32)}`
      call = join(callId, chance, start, reading.offer, peer)
      if (!call.link.over) calls.set(callId, call)
      return { type: 'placed', callId, sdp: writeAnswer(reading.offer, peer.local, Math.floor(Date.now() / 1000)) }
    },
    has: (callId) => calls.has(callId),
    attach: (callId, socket) => joinSideband(calls.get(callId), socket),
    hangUp(callId) {
      const call = calls.get(callId)
      call?.link.close(1000, '')
      return call !== undefined
    },
    open: () => [...calls].map(([id, { session, link, state }]) => ({ id, sessionId: session.id, ...state, sidebands: link.sidebands })),
    warm: () => void loaded(),
    async release() {
      closing = true
      await (await engine)?.settled()
    },
  }
}

function answered(engine: PeerEngine, offer: Offer, listener: PeerListener): Promise<Peer | Error> {
  return engine.answer(offer, listener).catch((error: unknown) => (error instanceof Error ? error : new Error('unknown')))
}

function refused(status: number, code: string, message: string): Placed {
  return { type: 'refused', status, code, message }
}

/** Undefined: every address of this machine. */
function boundTo(host = '127.0.0.1'): string | undefined {
  if (host === '0.0.0.0' || host === '::') return undefined
  return isIP(host) ? host : '127.0.0.1'
}
