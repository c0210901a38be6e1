// Turns what happened into counters and histograms with few label values.
import type { Note } from '../ports/notes.js'
import type { TraceOfExample } from './exemplars.js'
import { combined, DIALECTS, TOOL_OUTCOMES } from './known-labels.js'
import { createBoundedLabel, createPhraseLabel } from './labels.js'
import type { Series } from './series.js'
import type { TurnNote } from './turn-metrics.js'

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const SESSION_SECONDS = [1, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600]

type Counted = Exclude<Note, TurnNote>

const GUARD_FAILURES = ['timeout', 'failed', 'breaker_open', 'too_many', 'aborted', 'gate_full', 'no_transcript'] satisfies readonly Extract<
  Note,
  { type: 'guard_failed' }
>['why'][]

export interface NoteCounters {
  count(note: Counted, trace: TraceOfExample): void
  /** Their counters begin at 0. */
  expect(names: { readonly profiles: readonly string[]; readonly tools: readonly string[]; readonly guards: readonly string[] }): void
}

export function createNoteCounters({ counter, histogram }: Series): NoteCounters {
  const opened = counter('relay_sessions_opened_total', 'Sessions opened, by client dialect and profile.', ['dialect', 'profile'])
  const closed = counter('relay_sessions_closed_total', 'Sessions closed, by refusal code or client_left.', ['code'])
  const sessionSeconds = histogram('relay_session_seconds', 'Length of closed sessions.', SESSION_SECONDS)
  const messages = counter('relay_messages_total', 'Messages of closed sessions, up: from clients, down: to clients.', ['direction'])
  const bytes = counter('relay_bytes_total', 'Bytes of closed sessions, up: from clients, down: to clients.', ['direction'])
  const refusals = counter('relay_refusals_total', 'Connections refused before the upgrade, by code.', ['code'])
  const dropped = counter('relay_connections_dropped_total', 'Connections dropped before they became a session: too slow, or too many idle ones.', ['why'])
  const eventsRefused = counter('relay_events_refused_total', 'Client events refused, by type and code.', ['type', 'code'])
  const eventsDropped = counter('relay_events_dropped_total', 'Events not passed on, by side they came from and reason.', ['side', 'why'])
  const toolCalls = counter('relay_tool_calls_total', 'Tool calls run by the relay, by tool and outcome.', ['tool', 'outcome'])
  const toolSeconds = histogram('relay_tool_seconds', 'Length of tool calls.', SECONDS, ['tool'])
  const toolCuts = counter('relay_tool_outputs_cut_total', 'Tool outputs cut at TOOL_MAX_BYTES.', ['tool'])
  const upstreamErrors = counter('relay_upstream_errors_total', 'Error events of the upstream, by code.', ['code'])
  const configured = histogram('relay_configured_seconds', 'Time from upgrade to a session configured as the server wants.', SECONDS)
  const responses = counter('relay_responses_total', 'Responses done, by status.', ['status'])
  const quotaRefusals = counter('relay_quota_refusals_total', 'Responses that a quota did not let start, by rule.', ['rule'])
  const guardTrips = counter('relay_guard_trips_total', 'What guards found, by guard, side, category and mode.', ['guard', 'side', 'category', 'mode'])
  const guardFailures = counter('relay_guard_failures_total', 'Questions that guards did not answer, by guard and reason: the words went or not, as its whenUnsure says.', [
    'guard',
    'why',
  ])
  const filtered = counter('relay_content_filtered_total', 'Responses that the model service itself ended for their content.')
  const backpressure = counter('relay_backpressure_total', 'Times a side was paused because the other did not read, by the side that did not read.', ['side'])
  const clientsGone = counter('relay_clients_gone_total', 'Sockets lost of clients that may come back.', [])
  const resumes = counter(
    'relay_resumes_total',
    'What became of them: every missed message was sent, or the items alone, or the client was not back in time, or its session is unknown; and where that was.',
    ['result', 'from'],
  )
  const moved = counter('relay_sessions_moved_total', 'Sessions that went on on another instance: it was asked for them, or this one drained.', ['why'])
  const awaySeconds = histogram('relay_client_away_seconds', 'How long clients that came back were away.', SECONDS)
  const losses = counter('relay_upstream_losses_total', 'Upstream connections lost in a session, by cause and by what was under way. The session goes on if it can.', [
    'cause',
    'during',
  ])
  const restores = counter('relay_restores_total', 'Sessions that lost their upstream, by whether they went on.', ['result'])
  const restoreSeconds = histogram('relay_restore_seconds', 'Time from the loss of an upstream until the session was live again.', SECONDS)
  const cuts = counter('relay_cut_answers_total', 'Answers that a lost upstream cut off, by what became of them.', ['outcome'])
  const rollovers = counter(
    'relay_rollovers_total',
    'Moves to a fresh upstream before the longest time of the one before: at a quiet point, without one, or failed and tried again.',
    ['result'],
  )
  const notReplayed = counter('relay_items_not_replayed_total', 'Items of conversations that a new upstream refused.')
  const drifts = counter('relay_text_drifts_total', 'Answers that a model began to write after a restore although it should speak. They were asked for again.')
  const callsOpened = counter('relay_call_sessions_total', 'Sessions opened for WebRTC calls, by mode. A call that another instance takes over counts there again.', ['mode'])
  const foreign = counter('relay_foreign_events_total', 'What the callers of WebRTC calls did past the relay, by kind and mode: a session update, a response, an item.', [
    'kind',
    'mode',
  ])
  const lane = counter('relay_lane_frames_total', 'Frames that passed without parsing (hit) or had to be parsed (miss).', ['side', 'result'])
  const label = {
    profile: createBoundedLabel(),
    type: createBoundedLabel(),
    why: createPhraseLabel(),
    tool: createBoundedLabel(),
    code: createBoundedLabel(),
    status: createBoundedLabel(),
    guard: createBoundedLabel(),
    category: createBoundedLabel(),
  }

  function count(note: Counted, trace: TraceOfExample): void {
    switch (note.type) {
      case 'upgrade_refused':
        if (note.code === 'resume_unknown') resumes.inc({ result: 'unknown', from: 'unknown' })
        return refusals.inc({ code: note.code })
      case 'connection_dropped':
        return dropped.inc({ why: note.why })
      case 'session_opened':
        if (note.call) callsOpened.inc({ mode: note.call })
        return opened.inc({ dialect: note.dialect, profile: label.profile(note.profile) })
      case 'foreign_event':
        return foreign.inc({ kind: note.kind, mode: note.mode })
      case 'session_closed':
        closed.inc({ code: note.code })
        sessionSeconds.observe(note.durationMs / 1000, {}, trace)
        messages.inc({ direction: 'up' }, note.upMessages)
        messages.inc({ direction: 'down' }, note.downMessages)
        bytes.inc({ direction: 'up' }, note.upBytes)
        return bytes.inc({ direction: 'down' }, note.downBytes)
      case 'event_refused':
        return eventsRefused.inc({ type: label.type(note.eventType), code: note.code })
      case 'event_dropped':
        return eventsDropped.inc({ side: note.side, why: label.why(note.why) })
      case 'tool_finished': {
        // The model made this name up, so it must not become a label.
        const tool = note.outcome === 'unknown_tool' ? 'unknown' : label.tool(note.tool)
        toolCalls.inc({ tool, outcome: note.outcome })
        if (note.cut) toolCuts.inc({ tool })
        return toolSeconds.observe(note.durationMs / 1000, { tool }, trace)
      }
      case 'upstream_error':
        return upstreamErrors.inc({ code: label.code(note.code) })
      case 'configured':
        return configured.observe(note.durationMs / 1000, {}, trace)
      case 'guard_tripped':
        return guardTrips.inc({ guard: label.guard(note.guard), side: note.side, category: label.category(note.category), mode: note.mode })
      case 'guard_failed':
        return guardFailures.inc({ guard: label.guard(note.guard), why: note.why })
      case 'response_done':
        if (note.reason === 'content_filter') filtered.inc()
        return responses.inc({ status: label.status(note.status) })
      case 'quota_refused':
        return quotaRefusals.inc({ rule: note.rule })
      case 'client_gone':
        return clientsGone.inc()
      case 'client_back':
        resumes.inc({ result: note.recovered ? 'recovered' : 'items', from: note.from })
        return awaySeconds.observe(note.awayMs / 1000, {}, trace)
      case 'client_not_back':
        return resumes.inc({ result: 'not_back', from: 'memory' })
      case 'session_moved':
        return moved.inc({ why: note.why })
      case 'upstream_lost':
        return losses.inc({ cause: note.cause, during: note.during })
      case 'restored':
        if (note.cause === 'rollover') return rollovers.inc({ result: 'quiet' })
        if (note.cut !== 'none') cuts.inc({ outcome: note.cut })
        if (note.cause === 'forced') return rollovers.inc({ result: 'forced' })
        restores.inc({ result: 'restored' })
        return restoreSeconds.observe(note.durationMs / 1000, {}, trace)
      case 'item_not_replayed':
        return notReplayed.inc()
      case 'drifted':
        return drifts.inc()
      case 'rollover_failed':
        return rollovers.inc({ result: 'failed' })
      case 'restore_failed':
        return restores.inc({ result: 'failed' })
      case 'backpressure':
        return backpressure.inc({ side: note.side })
      // For logs and traces: what they would count is counted at their ends.
      case 'fields_locked':
      case 'token_refreshed':
      case 'recording':
      case 'response_started':
      case 'first_audio':
      case 'tool_started':
      case 'speech_started':
      case 'speech_stopped':
      case 'upstream_session':
      case 'dial_started':
      case 'dial_finished':
        return undefined
      case 'lane':
        lane.inc({ side: note.side, result: 'hit' }, note.hits)
        return lane.inc({ side: note.side, result: 'miss' }, note.misses)
      default:
        return note satisfies never
    }
  }

  return {
    count,
    expect({ profiles, tools, guards }) {
      guardFailures.begin(combined({ guard: guards.map(label.guard), why: GUARD_FAILURES }))
      opened.begin(combined({ dialect: DIALECTS, profile: profiles.map(label.profile) }))
      const names = tools.map(label.tool)
      toolCalls.begin(combined({ tool: names, outcome: TOOL_OUTCOMES.filter((outcome) => outcome !== 'unknown_tool') }))
      toolCuts.begin(combined({ tool: names }))
      toolSeconds.begin(combined({ tool: names }))
    },
  }
}
