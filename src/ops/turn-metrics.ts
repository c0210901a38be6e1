// What users wait for, as histograms: the times of turns, of interruptions, and the relay's own part.
import type { Config } from '../config/config.js'
import type { GuardVerdict } from '../core/policy/guards.js'
import type { Note, TurnKind } from '../ports/notes.js'
import type { TraceOfExample } from './exemplars.js'
import { combined } from './known-labels.js'
import { createBoundedLabel } from './labels.js'
import type { Series } from './series.js'

const TYPES = ['answer_begun', 'transcribed', 'barge_in', 'audio_ahead', 'audio_starved', 'audio_jitter', 'turn_ended', 'overhead', 'guard_checked'] as const
const NAMES: ReadonlySet<string> = new Set(TYPES)
export type TurnNote = Extract<Note, { readonly type: (typeof TYPES)[number] }>

const WAIT_SECONDS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 1.3, 1.7, 2.5, 4, 8]
const AHEAD_SECONDS = [0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]
const JITTER_SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]
const OVERHEAD_SECONDS = [0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05]
const GUARD_SECONDS = [0.001, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5]
const OUTCOMES = ['pass', 'block', 'redact', 'none'] satisfies readonly GuardVerdict['type'][]
const WAITS = ['turn', 'tools', 'profile', 'upstream']
const TURNS: Readonly<Record<TurnKind, true>> = { spoken: true, typed: true }
/** Of the frames that are timed, so many have one that names its trace: naming it takes longer than four frames do. */
const ONE_NAMED = 16
/** More series than this are not made ahead of their first value. */
const MOST_AHEAD = 64

export interface TurnMetrics {
  record(note: TurnNote, trace: TraceOfExample): void
  /** Their histograms begin at 0, if they are not too many. */
  expect(names: { readonly profiles: readonly string[]; readonly upstreams: readonly string[]; readonly guards: readonly Pick<Config['guards'][number], 'name' | 'on'>[] }): void
}

export function isTurnNote(note: Note): note is TurnNote {
  return NAMES.has(note.type)
}

export function createTurnMetrics({ counter, histogram }: Series): TurnMetrics {
  const profileLabel = createBoundedLabel()
  const audio = histogram('relay_first_audio_seconds', 'From the end of speech, or a typed request, to the first audio handed to the client.', WAIT_SECONDS, WAITS)
  const text = histogram('relay_first_token_seconds', 'From the same start to the first text or transcript for the client.', WAIT_SECONDS, WAITS)
  const transcription = histogram('relay_transcription_seconds', 'From the end of speech to the words of the user.', WAIT_SECONDS)
  const bargeIn = histogram('relay_barge_in_seconds', 'From speech into an answer to its end, and to the word of the client how much of it was heard.', WAIT_SECONDS, ['step'])
  const ahead = histogram('relay_audio_ahead_seconds', 'Audio that was sent and not played, about, when the user spoke into an answer.', AHEAD_SECONDS)
  const starved = counter('relay_audio_starved_total', 'Pauses in answers since audio came later than it is played.')
  const jitter = histogram('relay_audio_jitter_seconds', 'What a player would have had to hold back so that one answer plays without a pause.', JITTER_SECONDS)
  const tools = histogram('relay_turn_tool_seconds', 'What of a turn was tools, of turns that called any.', WAIT_SECONDS)
  const overhead = histogram('relay_overhead_seconds', 'From the read to the write of one frame in 128.', OVERHEAD_SECONDS, ['direction'])
  const overheads = { up: 0, down: 0 }
  const guardLabel = createBoundedLabel()
  const checks = histogram('relay_guard_seconds', 'What guards took for one question, by guard, side and outcome.', GUARD_SECONDS, ['guard', 'side', 'outcome'])
  const turns = counter('relay_turns_total', 'Turns, by how they ended.', ['end'])
  bargeIn.begin(combined({ step: ['cancelled', 'truncated'] }))
  overhead.begin(combined({ direction: ['up', 'down'] }))

  return {
    record(note, trace) {
      switch (note.type) {
        case 'answer_begun': {
          const labels = { turn: note.turn, tools: note.tools ? 'yes' : 'no', profile: profileLabel(note.profile), upstream: note.upstream }
          return (note.with === 'audio' ? audio : text).observe(note.ms / 1000, labels, trace)
        }
        case 'transcribed':
          return transcription.observe(note.ms / 1000, {}, trace)
        case 'barge_in':
          return bargeIn.observe(note.ms / 1000, { step: note.step }, trace)
        case 'audio_ahead':
          return ahead.observe(note.ms / 1000, {}, trace)
        case 'audio_starved':
          return starved.inc()
        case 'audio_jitter':
          return jitter.observe(note.ms / 1000, {}, trace)
        case 'turn_ended':
          if (note.toolMs !== undefined) tools.observe(note.toolMs / 1000, {}, trace)
          return turns.inc({ end: note.end })
        case 'guard_checked':
          return checks.observe(note.durationMs / 1000, { guard: guardLabel(note.guard), side: note.side, outcome: note.outcome }, trace)
        case 'overhead':
          return overhead.observe(note.ms / 1000, { direction: note.direction }, overheads[note.direction]++ % ONE_NAMED === 0 ? trace : undefined)
        default:
          return note satisfies never
      }
    },
    expect({ profiles, upstreams, guards }) {
      for (const { name, on } of guards) checks.begin(combined({ guard: [guardLabel(name)], side: on, outcome: OUTCOMES }))
      const known = combined({ turn: Object.keys(TURNS), tools: ['no', 'yes'], profile: profiles.map(profileLabel), upstream: upstreams })
      if (known.length > MOST_AHEAD) return
      audio.begin(known)
      text.begin(known)
    },
  }
}
