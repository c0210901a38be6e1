// Label values that are known before anything happens: their counters begin at 0, since `increase()` does not see a series that is born at 1.
import type { CallMode } from '../core/policy/enforcement.js'
import { QUOTA_UNITS, type QuotaPeriod } from '../core/policy/quota.js'
import { codeLabels } from '../core/policy/upstream-codes.js'
import type { DialectName } from '../core/protocol/dialect.js'
import { refusalCodes } from '../core/protocol/errors.js'
import type { DialOutcome } from '../core/upstreams/choice.js'
import type { Note } from '../ports/notes.js'
import type { ToolOutcome } from '../ports/tools.js'

export type Labels = Readonly<Record<string, string>>
type NoteOf<T extends Note['type']> = Extract<Note, { readonly type: T }>

/** The compiler sees to it that none is missing. */
const all = <T extends string>(values: Readonly<Record<T, true>>): readonly T[] => Object.keys(values) as T[]

/** Every combination of these values. */
export function combined(values: Readonly<Record<string, readonly string[]>>): readonly Labels[] {
  let found: readonly Labels[] = [{}]
  for (const [name, ofName] of Object.entries(values)) found = found.flatMap((labels) => ofName.map((value) => ({ ...labels, [name]: value })))
  return found
}

const sides = all<'client' | 'upstream'>({ client: true, upstream: true })
const directions = ['up', 'down']
const periods = all<QuotaPeriod>({ minute: true, day: true, month: true, session: true })
const quotaUnits = QUOTA_UNITS.map((unit) => (unit === 'audioMinutes' ? 'audio_minutes' : unit))

export const CALL_MODES = all<CallMode>({ 'media-only': true, shared: true })
export const DIALECTS = all<DialectName>({ ga: true, preview: true, 'voice-live': true })
export const TOOL_OUTCOMES = all<ToolOutcome['outcome']>({ ok: true, error: true, timeout: true, aborted: true, invalid_arguments: true, unknown_tool: true })
export const DIAL_OUTCOMES = all<DialOutcome['type']>({ opened: true, rate_limited: true, failed: true, given_up: true })
export const TOKEN_KINDS = [
  ...['input', 'output', 'input_text', 'input_audio', 'input_image', 'input_cached', 'input_cached_text', 'input_cached_audio', 'input_cached_image'],
  ...['output_text', 'output_audio', 'transcription_input', 'transcription_output'],
]

/** By metric. One that is missing here has values that only a peer or a file knows. */
export const KNOWN = {
  relay_sessions_closed_total: combined({ code: [...refusalCodes(), 'client_left'] }),
  relay_refusals_total: combined({ code: refusalCodes() }),
  relay_messages_total: combined({ direction: directions }),
  relay_bytes_total: combined({ direction: directions }),
  relay_connections_dropped_total: combined({ why: all<NoteOf<'connection_dropped'>['why']>({ time: true, address_full: true, full: true }) }),
  relay_upstream_errors_total: combined({ code: codeLabels() }),
  relay_responses_total: combined({ status: ['completed', 'cancelled', 'incomplete', 'failed', 'unknown'] }),
  relay_quota_refusals_total: combined({ rule: [...quotaUnits.flatMap((unit) => periods.map((period) => `${unit}_per_${period}`)), 'audio', 'unknown'] }),
  relay_backpressure_total: combined({ side: sides }),
  relay_resumes_total: [
    ...combined({ result: ['recovered', 'items'], from: all<NoteOf<'client_back'>['from']>({ memory: true, moved: true, snapshot: true }) }),
    { result: 'not_back', from: 'memory' },
    { result: 'unknown', from: 'unknown' },
  ],
  relay_sessions_moved_total: combined({ why: all<NoteOf<'session_moved'>['why']>({ asked: true, drain: true }) }),
  relay_upstream_losses_total: combined({
    cause: all<NoteOf<'upstream_lost'>['cause']>({ closed: true, stalled: true, silent: true, expired: true, rollover: true, forced: true, moved: true }),
    during: all<NoteOf<'upstream_lost'>['during']>({ idle: true, asked: true, answer: true, speech: true }),
  }),
  relay_restores_total: combined({ result: ['restored', 'failed'] }),
  relay_cut_answers_total: combined({ outcome: all<Exclude<NoteOf<'restored'>['cut'], 'none'>>({ again: true, completed: true, broken: true, cancelled: true }) }),
  relay_rollovers_total: combined({ result: ['quiet', 'forced', 'failed'] }),
  relay_turns_total: combined({ end: all<NoteOf<'turn_ended'>['end']>({ completed: true, interrupted: true, failed: true, filtered: true, abandoned: true }) }),
  relay_call_sessions_total: combined({ mode: CALL_MODES }),
  relay_foreign_events_total: combined({ kind: all<NoteOf<'foreign_event'>['kind']>({ session: true, response: true, item: true }), mode: CALL_MODES }),
  relay_lane_frames_total: combined({ side: sides, result: ['hit', 'miss'] }),
} as const
