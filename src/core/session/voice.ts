// What is known of the user's audio: which stretches of it are turns that must be told as sound after a loss, and what belongs to no turn yet.
import { objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'

/** The client's audio clock: milliseconds of audio that were sent upstream in this session. */
export interface Heard {
  readonly totalMs: number
  /** The relay still has everything from here on. */
  readonly keptFromMs: number
}

export const heardNothing: Heard = { totalMs: 0, keptFromMs: Number.POSITIVE_INFINITY }

/** A spoken turn whose words are not known: under this id, this stretch of the client's audio. */
export interface Sound {
  readonly id: string
  readonly fromMs: number
  readonly toMs: number
}

/** A spoken turn until its words are known and its answer is there. */
export interface Turn extends Sound {
  /** Its words will come. */
  readonly transcribes: boolean
  /** The response that may be its answer. */
  readonly answer: string | undefined
  readonly answered: boolean
}

export interface Voice {
  /** What must be added to the present leg's times so that the client's clock goes on. */
  readonly clockMs: number
  /** Audio from here on belongs to no turn yet. */
  readonly openFromMs: number
  /** Heard by voice detection, and not committed. `toMs`: it has ended. */
  readonly speech: { readonly id: string; readonly fromMs: number; readonly toMs: number | undefined } | undefined
  readonly turns: readonly Turn[]
  /** Where the client's own commits and clears stand that are not answered, oldest first. */
  readonly marks: readonly number[]
  /** The session in force puts spoken turns into words. */
  readonly transcribes: boolean
}

/** Shared by all sessions in which nobody has spoken. */
export const noVoice: Voice = { clockMs: 0, openFromMs: 0, speech: undefined, turns: [], marks: [], transcribes: false }

const MOST_TURNS = 4
const MOST_MARKS = 64
/** The service refuses to commit less. */
export const LEAST_TURN_MS = 100
/** Voice detection wants some audio from before the speech. */
const LEAD_MS = 1000

/** What this event changes; the same object: nothing. Times of the event are on the client's clock. */
export function voiceAfter(v: Voice, event: RealtimeEvent, totalMs: number): Voice {
  switch (event.type) {
    case 'input_audio_buffer.speech_started':
      return voiceWith(v, { speech: { id: idAt(event), fromMs: msAt(event, 'audio_start_ms', totalMs), toMs: undefined } })
    case 'input_audio_buffer.speech_stopped':
      return v.speech?.id === idAt(event) ? voiceWith(v, { speech: { ...v.speech, toMs: msAt(event, 'audio_end_ms', totalMs) } }) : v
    case 'input_audio_buffer.timeout_triggered':
      return voiceWith(v, { speech: { id: idAt(event), fromMs: msAt(event, 'audio_start_ms', totalMs), toMs: msAt(event, 'audio_end_ms', totalMs) } })
    case 'input_audio_buffer.committed':
      return committed(v, idAt(event), totalMs)
    case 'input_audio_buffer.cleared':
      return voiceWith(v, { speech: undefined, openFromMs: v.marks[0] ?? totalMs, marks: v.marks.slice(1) })
    case 'conversation.item.input_audio_transcription.completed':
    case 'conversation.item.deleted':
      return v.turns.length === 0 ? v : withoutTurn(v, idAt(event))
    case 'conversation.item.input_audio_transcription.failed': {
      const id = idAt(event)
      return withTurns(v, (turn) => (turn.id === id ? { ...turn, transcribes: false } : turn))
    }
    case 'response.created': {
      const response = objectAt(event, 'response')
      return withTurns(v, (turn) => (turn.answered ? turn : { ...turn, answer: stringAt(response, 'id') }))
    }
    case 'response.done': {
      const ended = stringAt(objectAt(event, 'response'), 'id')
      return withTurns(v, (turn) => (turn.answer === ended ? { ...turn, answered: true } : turn))
    }
    default:
      return v
  }
}

/** The client's own commit or clear goes upstream. */
export function marked(v: Voice, totalMs: number): Voice {
  return voiceWith(v, { marks: [...v.marks, totalMs].slice(-MOST_MARKS) })
}

/** The oldest of them was refused. */
export function markRefused(v: Voice): Voice {
  return v.marks.length === 0 ? v : voiceWith(v, { marks: v.marks.slice(1) })
}

/** From where on the relay is to keep audio beyond the last second. Infinity: that second is enough. */
export function wantedFromMs({ turns, speech, openFromMs }: Voice, detectsTurns: boolean): number {
  const open = speech?.fromMs ?? (detectsTurns ? Number.POSITIVE_INFINITY : openFromMs)
  return Math.min(turns[0]?.fromMs ?? Number.POSITIVE_INFINITY, open)
}

/** What of this turn can be told as sound; undefined: too little of it is kept. */
export function keptPart(
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  { keptFromMs, totalMs }: Heard,
): { readonly fromMs: number; readonly toMs: number } | undefined {
  const kept = { fromMs: Math.max(fromMs, keptFromMs), toMs: Math.min(toMs, totalMs) }
  return kept.toMs - kept.fromMs >= LEAST_TURN_MS ? kept : undefined
}

/** Audio that belongs to no turn, and that a new leg is to hear. */
export function openPart(v: Voice, detectsTurns: boolean, { keptFromMs, totalMs }: Heard): { readonly fromMs: number; readonly toMs: number } {
  const lead = (v.speech?.fromMs ?? totalMs) - LEAD_MS
  return { fromMs: Math.min(totalMs, Math.max(v.openFromMs, detectsTurns ? lead : 0, keptFromMs)), toMs: totalMs }
}

function committed(v: Voice, id: string, totalMs: number): Voice {
  const isHeard = v.speech?.id === id
  const byHand = v.speech?.toMs === undefined || !isHeard ? v.marks[0] : undefined
  const toMs = (isHeard ? v.speech?.toMs : undefined) ?? byHand ?? totalMs
  const turn: Turn = { id, fromMs: Math.min(isHeard ? (v.speech?.fromMs ?? toMs) : v.openFromMs, toMs), toMs, transcribes: v.transcribes, answer: undefined, answered: false }
  return voiceWith(v, { speech: undefined, openFromMs: toMs, turns: [...v.turns, turn].slice(-MOST_TURNS), marks: byHand === undefined ? v.marks : v.marks.slice(1) })
}

function withoutTurn(v: Voice, id: string): Voice {
  return v.turns.some((turn) => turn.id === id) ? voiceWith(v, { turns: v.turns.filter((turn) => turn.id !== id) }) : v
}

/** Without words to come, an answered turn need not be kept. */
function withTurns(v: Voice, change: (turn: Turn) => Turn): Voice {
  if (v.turns.length === 0) return v
  return voiceWith(v, { turns: v.turns.map(change).filter(({ transcribes, answered }) => transcribes || !answered) })
}

/** With every field written out, for the reason that `stateWith` gives. */
function voiceWith(v: Voice, changes: Partial<Voice>): Voice {
  const copy: Voice = { clockMs: v.clockMs, openFromMs: v.openFromMs, speech: v.speech, turns: v.turns, marks: v.marks, transcribes: v.transcribes }
  return Object.assign(copy, changes)
}

function idAt(event: RealtimeEvent): string {
  return stringAt(event, 'item_id') ?? ''
}

function msAt(event: RealtimeEvent, field: string, fallback: number): number {
  const value = event[field]
  return typeof value === 'number' && value >= 0 ? value : fallback
}
