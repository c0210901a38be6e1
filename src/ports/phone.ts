// Telephone calls: what a carrier's way in tells of a call, what answering it gives, and what the session asks of its line. Types only.
import type { SessionProfile } from '../core/policy/profile.js'
import type { Frame } from '../core/protocol/events.js'
import type { Identity } from './caller.js'
import type { Link } from './link.js'
import type { ToolSet } from './tools.js'

/** `acs`: Azure Communication Services. `twilio`: Media Streams. `sip`: the Realtime API's own SIP endpoint. */
export type Carrier = 'acs' | 'twilio' | 'sip'

/** What a carrier said of a call, over a request whose proof was checked. Nothing in it says who the caller really is. */
export interface Ring {
  readonly carrier: Carrier
  /** The carrier's own id of the call. Never logged, never shown. */
  readonly carrierCallId: string
  /** E.164 with its plus. Undefined: withheld, or no number. */
  readonly from: string | undefined
  /** The number or SIP user that was called. */
  readonly to: string
  /** SIP headers and the like, names in lower case, bounded. Untrusted, also where they look signed. */
  readonly headers: Readonly<Record<string, string>>
}

/** What can be done to a call at its carrier. Both are bounded in time, and reject with an error that names no number. */
export interface Line {
  hangUp(): Promise<void>
  /** `target`: a number or SIP address of the admin's list. Resolves once the carrier has taken it over. */
  transfer(target: string): Promise<void>
}

/** What one frame of a carrier's media socket means. */
export type MediaFrame =
  /** `audio`: the carrier's base64 text, as it was. `atMs`: its place on the carrier's clock, if it says. */
  | { readonly type: 'audio'; readonly audio: string; readonly atMs?: number | undefined }
  /** A key was pressed. Never logged. */
  | { readonly type: 'key'; readonly key: string }
  /** The carrier has played, or thrown away, what was sent before this mark. */
  | { readonly type: 'mark'; readonly name: string }
  /** The carrier sends no more. */
  | { readonly type: 'stop' }
  /** Known or unknown, and nothing to do with the conversation. */
  | { readonly type: 'ignored' }
  /** No frame of this carrier. */
  | { readonly type: 'bad' }

/** Reads and writes frames of one call's media socket. May keep what its carrier names first (a stream's id). No method throws. */
export interface MediaFraming {
  /** As the Realtime session is to have it, both ways: 24 kHz PCM16, or mu-law at 8 kHz. */
  readonly format: 'pcm' | 'pcmu'
  read(frame: Frame, isBinary: boolean): MediaFrame
  /** One message with this audio, undecoded. */
  media(audio: string): string
  /** Throws away what the carrier has not played. */
  clear(): string
  /** Absent: the carrier has no marks, and a clock says what was heard. */
  mark?(name: string): string
}

export interface MediaSocket {
  /** Instead of the framing that the call was answered with: it has read what the carrier said first. */
  readonly framing?: MediaFraming
  /** It is gone, and nobody said that the call is over. The call waits some seconds for another. */
  readonly onLost?: () => void
}

/** A call whose session is open and dials upstream, before or after its media socket is there. */
export interface AnsweredPhoneCall {
  readonly sessionId: string
  /** Gives the call its media socket, whose proofs were checked. It may be lost once: another may come soon after. False: the call is over, or has one already. */
  attach(link: Link, media?: MediaSocket): boolean
  /** Resolves once its session is over, whoever ended it. */
  readonly ended: Promise<void>
  /** The carrier says that the call is over. May be repeated. */
  over(): void
}

/** A caller who may come in. Its places are taken until `release`, which may be repeated. */
export interface AdmittedPhoneCaller {
  readonly sessionId: string
  readonly identity: Identity
  /** With the audio format of the carrier, and its manners. */
  readonly profile: SessionProfile
  readonly tools: ToolSet
  /** The profile as it was chosen: its configuration is kept for as long as the call lasts. */
  readonly chosen: SessionProfile
  release(): void
}

export interface PhoneDesk {
  /** Numbers, lists, limits, profile, places: rejects with a `RefusalError`, and nothing is dialled. The carrier and the upstream agree on a format. */
  admit(ring: Ring): Promise<AdmittedPhoneCaller>
  /**
   * `admit`, and the session is opened: its upstream is dialled at once. `line` is asked to hang up when the session ends by itself. `moved`: another
   * instance had the call, which is no new one to the limits of its caller.
   */
  answer(ring: Ring, line: Line, framing: MediaFraming, moved?: boolean): Promise<AnsweredPhoneCall>
  /** A single-use name for the media socket of this call, which another instance can redeem if they share Redis. Unguessable, for use in a path. Of a call that is over it opens nothing. */
  ticketFor(call: AnsweredPhoneCall, ring: Ring): Promise<string>
  /** Once. Undefined: unknown, used, too old. A call answered elsewhere is opened here, and `line` and `framing` are made for it. */
  redeem(
    ticket: string,
    make: (ring: Ring) => { readonly line: Line; readonly framing: MediaFraming },
  ): Promise<{ readonly ring: Ring; readonly call: AnsweredPhoneCall } | undefined>
  /** True: nobody asked for this key in so many milliseconds, on any instance. Drops events that carriers deliver twice. */
  isFirst(key: string, ttlMs: number): Promise<boolean>
}

/** What a session asks of the telephone that its client is. */
export interface SessionPhone {
  readonly carrier: Carrier
  readonly line: Line
  /** Where its caller may be transferred: names that the model knows, with targets that it does not. */
  readonly transferTo: Readonly<Record<string, string>>
}
