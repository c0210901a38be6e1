// Says when the moments of a turn happened: how long a user waits for the answer, how soon an answer is silent, and how a turn ends.
import type { EndCode } from '../core/session/actions.js'
import type { Moment } from '../core/session/moment.js'
import type { TurnEnd, TurnKind } from '../ports/notes.js'
import type { NewSession } from '../ports/session.js'
import { Playback, type Played } from './playback.js'
import type { Timetable } from './timetable.js'

export interface TimedSession extends Played {
  readonly opened: Pick<NewSession, 'profile' | 'recorder' | 'call'>
  /** The client's opposite is the upstream. */
  opposite(side: 'client'): { readonly upstream: string } | undefined
}

/** What a user waits for: from the end of speech, or a typed request, to the end of the last response that answers it. */
interface Turn {
  readonly kind: TurnKind
  readonly since: number
  /** `waiting`: no response has begun. `between`: a response called tools, and another will answer them. */
  phase: 'waiting' | 'answering' | 'between'
  /** The client has had something of the answer. */
  hasText: boolean
  hasAudio: boolean
  usedTools: boolean
  toolsAtWork: number
  toolsSince: number
  toolMs: number
  /** The client has answered its calls: its next request goes on with this turn. */
  clientAnswered: boolean
}

/** Later than this after the end of speech, a request is about something else. */
const ASKED_WITHIN_MS = 30_000
/** Transcripts come in the order of the turns, mostly before the answer. */
const MOST_STOPS = 8

export class TurnClock {
  #awaitsAudio = false
  awaitsText = false
  /** Of the last turn that was heard: what its user waited for. Of a response that answers none, from its beginning. */
  firstAudioMs: number | undefined
  readonly #session: TimedSession
  readonly #playback: Playback
  #turn: Turn | undefined
  /** The user's next turn, while the answer to this one still runs. */
  #next: Turn | undefined
  #responseId = ''
  #responseSince = 0
  /** The user broke in, and the answer is not over. */
  #brokeInAt: number | undefined
  /** The client's own commit, or speech that nobody but the client answers. */
  #spokenAt: number | undefined
  #stops: Map<string, number> | undefined

  constructor(session: TimedSession, timetable: Timetable) {
    this.#session = session
    this.#playback = new Playback(session, timetable)
  }

  moment(moment: Moment): void {
    const now = this.#session.clock()
    switch (moment.what) {
      case 'speech_started':
        return this.#speechStarted(now)
      case 'speech_stopped':
        this.#stopped(moment.itemId, now)
        if (moment.answered) this.#begin('spoken', now)
        else this.#spokenAt = now
        return
      case 'committed':
        if (moment.itemId === undefined) this.#spokenAt = now
        else if (!this.#stops?.has(moment.itemId)) this.#stopped(moment.itemId, now)
        return
      case 'transcribed':
        return this.#transcribed(moment.itemId, now)
      case 'response_asked':
        return this.#asked(now)
      case 'response_refused':
        if (this.#next) this.#next = undefined
        else if (this.#turn?.phase === 'waiting') this.#end('failed', now)
        return
      case 'response_created':
        return this.#created(moment.responseId, now)
      case 'playback_started':
        if (this.#awaitsAudio && moment.responseId === this.#responseId) this.#heard(now)
        return
      case 'response_done':
        return this.#done(moment, now)
      case 'tool_started':
        return this.#toolStarted(now)
      case 'tool_finished':
        return this.#toolFinished(moment.by, now)
      case 'truncated':
        if (this.#brokeInAt !== undefined) this.#session.opened.recorder.note({ type: 'barge_in', step: 'truncated', ms: now - this.#brokeInAt })
        this.#brokeInAt = undefined
        return this.#playback.stop()
    }
  }

  /** Audio of a response, `bytes` of it, has gone to the client. */
  audio(bytes: number): void {
    if (!this.#awaitsAudio) return this.#playback.goOn(bytes)
    const now = this.#session.clock()
    this.#playback.begin(bytes, now)
    this.#heard(now)
  }

  #heard(now: number): void {
    const { recorder } = this.#session.opened
    this.#awaitsAudio = false
    recorder.note({ type: 'first_audio', responseId: this.#responseId, afterMs: now - this.#responseSince })
    const turn = this.#turn?.phase === 'answering' ? this.#turn : undefined
    if (turn?.hasAudio) return
    this.firstAudioMs = now - (turn?.since ?? this.#responseSince)
    if (!turn) return
    turn.hasAudio = true
    recorder.note({ type: 'answer_begun', with: 'audio', ms: now - turn.since, ...this.#labels(turn) })
  }

  /** The first text or transcript of a response is on its way to the client. */
  text(): void {
    this.awaitsText = false
    const turn = this.#turn
    if (turn?.phase !== 'answering' || turn.hasText) return
    turn.hasText = true
    // A caller reads what the service sends past the relay, or nothing.
    if (this.#session.opened.call) return
    this.#session.opened.recorder.note({ type: 'answer_begun', with: 'text', ms: this.#session.clock() - turn.since, ...this.#labels(turn) })
  }

  /** The client's part is over. */
  close(code: EndCode): void {
    this.#playback.stop()
    this.#awaitsAudio = false
    this.awaitsText = false
    const turn = this.#turn
    // Another instance goes on with it.
    if (!turn || code === 'superseded' || (code === 'draining' && this.#session.opened.call)) return
    const gaveUp = code === 'client_left' && !turn.hasAudio && !turn.hasText
    this.#end(code !== 'client_left' ? 'failed' : gaveUp ? 'abandoned' : 'interrupted', this.#session.clock())
  }

  #speechStarted(now: number): void {
    const ahead = this.#playback.aheadMs(now)
    if (this.#turn?.phase !== 'answering' && ahead <= 0) return
    this.#brokeInAt = now
    if (ahead > 0) this.#session.opened.recorder.note({ type: 'audio_ahead', ms: ahead })
  }

  #stopped(itemId: string, now: number): void {
    this.#stops ??= new Map()
    this.#stops.set(itemId, now)
    const [oldest] = this.#stops.keys()
    if (this.#stops.size > MOST_STOPS && oldest !== undefined) this.#stops.delete(oldest)
  }

  #transcribed(itemId: string, now: number): void {
    const since = this.#stops?.get(itemId)
    if (since === undefined) return
    this.#stops?.delete(itemId)
    this.#session.opened.recorder.note({ type: 'transcribed', ms: now - since })
  }

  #asked(now: number): void {
    const turn = this.#turn
    const spokenAt = this.#spokenAt
    this.#spokenAt = undefined
    // Asked for beside what comes anyway, or with the results of the client's own tools.
    if (turn?.phase === 'waiting' || (turn?.phase === 'between' && turn.clientAnswered)) return
    if (spokenAt !== undefined && now - spokenAt < ASKED_WITHIN_MS) this.#begin('spoken', spokenAt)
    else this.#begin('typed', now)
  }

  #begin(kind: TurnKind, since: number): void {
    const begun: Turn = { kind, since, phase: 'waiting', hasText: false, hasAudio: false, usedTools: false, toolsAtWork: 0, toolsSince: 0, toolMs: 0, clientAnswered: false }
    if (this.#turn?.phase === 'answering') {
      this.#next = begun
      return
    }
    // Of a turn that nothing answered yet, the user says more. One that waits for tools is overtaken.
    if (this.#turn?.phase === 'between') this.#end('interrupted', since)
    this.#turn = begun
  }

  #created(responseId: string, now: number): void {
    // The response before was lost with its upstream, and ended by the relay.
    if (this.#next && this.#turn?.phase === 'answering') this.#end('completed', now)
    if (this.#turn) this.#turn.phase = 'answering'
    this.#responseId = responseId
    this.#responseSince = now
    this.#brokeInAt = undefined
    this.#awaitsAudio = true
    this.awaitsText = this.#turn !== undefined && !this.#turn.hasText
  }

  #done({ end, goesOn }: Extract<Moment, { what: 'response_done' }>, now: number): void {
    this.#awaitsAudio = false
    this.awaitsText = false
    this.#playback.end()
    if (end === 'interrupted') {
      if (this.#brokeInAt !== undefined) this.#session.opened.recorder.note({ type: 'barge_in', step: 'cancelled', ms: now - this.#brokeInAt })
      // A client that plays on until it truncates is not waited for.
      this.#playback.stop()
    }
    const turn = this.#turn
    if (turn?.phase !== 'answering') return
    if (goesOn) {
      turn.phase = 'between'
      if (this.#next) this.#end('interrupted', now)
    } else this.#end(end, now)
  }

  #toolStarted(now: number): void {
    const turn = this.#turn
    if (!turn) return
    turn.usedTools = true
    if (turn.toolsAtWork++ === 0) turn.toolsSince = now
  }

  #toolFinished(by: 'relay' | 'client', now: number): void {
    const turn = this.#turn
    if (!turn || turn.toolsAtWork === 0) return
    if (by === 'client') turn.clientAnswered = true
    if (--turn.toolsAtWork === 0) turn.toolMs += now - turn.toolsSince
  }

  #end(end: TurnEnd, now: number): void {
    const turn = this.#turn
    this.#turn = this.#next
    this.#next = undefined
    if (!turn) return
    const toolMs = turn.toolMs + (turn.toolsAtWork > 0 ? now - turn.toolsSince : 0)
    this.#session.opened.recorder.note({ type: 'turn_ended', end, turn: turn.kind, toolMs: turn.usedTools ? toolMs : undefined })
  }

  #labels({ kind, usedTools }: Turn) {
    const { profile } = this.#session.opened
    return { turn: kind, tools: usedTools, profile: profile.name, upstream: this.#session.opposite('client')?.upstream ?? '' }
  }
}
