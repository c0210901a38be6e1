// The calls by SIP of one simulator: each rings until it is accepted or rejected, and then is a session with a caller's voice and ear, and no RTP.
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { createCallerAudio } from '../carriers/caller-audio.js'
import { createHeard } from '../carriers/heard.js'
import type { Faults } from '../faults.js'
import type { Chance } from '../ids.js'
import type { LinkHooks } from '../link.js'
import type { OpenSessions } from '../open-sessions.js'
import type { OpenCall } from '../options.js'
import { type CallLink, createCallLink } from '../webrtc/call-link.js'
import type { CallSession } from '../webrtc/call-session.js'
import { type JoinedCall, joinSideband, type SidebandSocket } from '../webrtc/sideband.js'
import type { SipCaller, SipEnd } from './caller.js'
import { createSipPlayback } from './playback.js'

export interface SipCalls {
  /** A call that rings from now on. */
  ring(): SipCaller
  /** False: no such call rings. */
  accept(callId: string, session: CallSession, target: string, headers: IncomingHttpHeaders): boolean
  reject(callId: string, sipStatus: number): boolean
  /** False: no such call is open. */
  refer(callId: string, target: string): boolean
  hangUp(callId: string): boolean
  has(callId: string): boolean
  attach(callId: string, socket: SidebandSocket): void
  open(): readonly OpenCall[]
  /** Every caller hangs up. */
  close(): void
}

interface Call {
  readonly caller: SipCaller
  joined: JoinedCall | undefined
  end(how: SipEnd): void
  accept(): void
}

/** Nobody accepts it. */
const RING_MS = 30_000
const PCM_BYTES_PER_MS = 48

export function createSipCalls(sessions: OpenSessions, nextChance: () => Chance, faults: () => Faults): SipCalls {
  const calls = new Map<string, Call>()
  const noChannel = { shows: () => false, send: () => undefined, close: () => undefined }

  function ring(): SipCaller {
    const callId = `rtc_${createHash('sha256').update(nextChance().letters(32)).digest('hex').slice(0, 32)}`
    let isHeard = true
    let accept: () => void = () => undefined
    let end: (how: SipEnd) => void = () => undefined
    const accepted = new Promise<void>((resolve) => {
      accept = resolve
    })
    const ended = new Promise<SipEnd>((resolve) => {
      end = resolve
    })
    const ear = createHeard({ bytesPerMs: PCM_BYTES_PER_MS, silence: 0 })
    const voice = createCallerAudio((frame) => {
      if (isHeard && !faults().freeze) call.joined?.session.hear(frame)
    })
    const unanswered = setTimeout(() => close(callId, { type: 'over', by: 'caller' }), RING_MS)
    const caller: SipCaller = {
      callId,
      voice,
      ear,
      accepted,
      ended,
      press(key) {
        // The service gives it no id.
        call.joined?.link.event({ type: 'input_audio_buffer.dtmf_event_received', event: key, received_at: Math.floor(Date.now() / 1000) })
      },
      hangUp: () => void close(callId, { type: 'over', by: 'caller' }),
      loseMedia() {
        isHeard = false
      },
    }
    const call: Call = {
      caller,
      joined: undefined,
      accept() {
        clearTimeout(unanswered)
        ear.start()
        voice.start()
        accept()
      },
      end(how) {
        clearTimeout(unanswered)
        voice.stop()
        ear.stop()
        end(how)
      },
    }
    calls.set(callId, call)
    return caller
  }

  /** False: it is over already. */
  function close(callId: string, how: SipEnd): boolean {
    const call = calls.get(callId)
    if (!call) return false
    calls.delete(callId)
    call.end(how)
    call.joined?.link.close(1000, '')
    return true
  }

  function begin(callId: string, call: Call, { deployment, type, settings }: CallSession, target: string, headers: IncomingHttpHeaders): JoinedCall {
    let made: { link: CallLink; hooks: LinkHooks } | undefined
    const opened = sessions.open({
      dialect: 'ga',
      deployment,
      type,
      target,
      headers,
      chance: nextChance(),
      openLink(hooks) {
        const link = createCallLink(hooks, noChannel, (code) => {
          close(callId, { type: 'over', by: 'relay' })
          // A fault may end a session while it is being made.
          setImmediate(() => opened.ended(code))
        })
        made = { link, hooks }
        return link
      },
      call: { settings, createSpeaker: (session) => createSipPlayback(call.caller.ear, session.send) },
    })
    return { session: opened.session, ...(made as unknown as { link: CallLink; hooks: LinkHooks }) }
  }

  const ringing = (callId: string) => {
    const call = calls.get(callId)
    return call && !call.joined ? call : undefined
  }
  const isOpen = (callId: string) => calls.get(callId)?.joined !== undefined

  return {
    ring,
    accept(callId, session, target, headers) {
      const call = ringing(callId)
      if (!call) return false
      call.joined = begin(callId, call, session, target, headers)
      call.accept()
      return true
    },
    reject: (callId, sipStatus) => ringing(callId) !== undefined && close(callId, { type: 'rejected', sipStatus }),
    refer: (callId, target) => isOpen(callId) && close(callId, { type: 'transferred', target }),
    hangUp: (callId) => isOpen(callId) && close(callId, { type: 'over', by: 'relay' }),
    has: isOpen,
    attach: (callId, socket) => joinSideband(calls.get(callId)?.joined, socket),
    open: () => [...calls].flatMap(([id, { joined }]) => (joined ? [{ id, sessionId: joined.session.id, connected: true, channel: false, sidebands: joined.link.sidebands }] : [])),
    close() {
      for (const callId of [...calls.keys()]) close(callId, { type: 'over', by: 'caller' })
    },
  }
}
