// Turns every note of the relay into counters, gauges or histograms with few label values.
import type { FastifyInstance } from 'fastify'
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Note, Recorder } from '../ports/notes.js'
import { createBoundedLabel, wordLabel } from './labels.js'
import { createUpstreamMetrics, type UpstreamMetrics } from './upstream-metrics.js'

export interface Metrics {
  readonly recorder: Recorder
  readonly upstreams: UpstreamMetrics
  /** A number that is read at each scrape, such as the length of a queue. `read` must not throw. */
  gauge(name: string, help: string, read: () => number): void
  /** Returns a function that counts one more for a value of `labelName`. The values must come from code. */
  counter(name: string, help: string, labelName: string): (value: string) => void
  /** All metrics as Prometheus text. */
  text(): Promise<string>
  /** All metrics as data, which `mergedText` merges with those of other processes. */
  snapshot(): Promise<MetricsSnapshot>
  readonly contentType: string
}

export interface MetricsDeps {
  readonly metrics: Metrics
  /** Sessions open now in this process. */
  readonly sessionCount: () => number
}

/** `GET /metrics`, on the admin port only. */
export function registerMetrics(app: FastifyInstance, { metrics, sessionCount }: MetricsDeps): void {
  metrics.gauge('relay_sessions', 'Sessions open now.', sessionCount)
  app.get('/metrics', async (_request, reply) => reply.header('content-type', metrics.contentType).send(await metrics.text()))
}

/** Plain data that can be sent to another process. */
export type MetricsSnapshot = readonly object[]

/** The metrics of several processes as one Prometheus text, with counters and gauges added up. */
export function mergedText(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  return AggregatorRegistry.aggregate([...snapshots]).metrics()
}

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const SESSION_SECONDS = [1, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600]

/** Has a registry of its own, so that several instances in one process (tests) do not share numbers. */
export function createMetrics(options: { readonly processMetrics: boolean } = { processMetrics: true }): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const counter = (name: string, help: string, labelNames: string[] = []) => new Counter({ name, help, labelNames, registers })
  const histogram = (name: string, help: string, buckets: number[], labelNames: string[] = []) => new Histogram({ name, help, buckets, labelNames, registers })

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
  if (options.processMetrics) collectDefaultMetrics({ register: registry })

  const label = {
    profile: createBoundedLabel(),
    type: createBoundedLabel(),
    why: createBoundedLabel(),
    tool: createBoundedLabel(),
    code: createBoundedLabel(),
    status: createBoundedLabel(),
  }

  function count(note: Note): void {
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
        sessionSeconds.observe(note.durationMs / 1000)
        messages.inc({ direction: 'up' }, note.upMessages)
        messages.inc({ direction: 'down' }, note.downMessages)
        bytes.inc({ direction: 'up' }, note.upBytes)
        return bytes.inc({ direction: 'down' }, note.downBytes)
      case 'event_refused':
        return eventsRefused.inc({ type: label.type(note.eventType), code: note.code })
      case 'event_dropped':
        return eventsDropped.inc({ side: note.side, why: label.why(wordLabel(note.why)) })
      case 'tool_finished': {
        // The model made this name up, so it must not become a label.
        const tool = note.outcome === 'unknown_tool' ? 'unknown' : label.tool(note.tool)
        toolCalls.inc({ tool, outcome: note.outcome })
        if (note.cut) toolCuts.inc({ tool })
        return toolSeconds.observe({ tool }, note.durationMs / 1000)
      }
      case 'upstream_error':
        return upstreamErrors.inc({ code: label.code(note.code) })
      case 'configured':
        return configured.observe(note.durationMs / 1000)
      case 'response_done':
        return responses.inc({ status: label.status(note.status) })
      case 'quota_refused':
        return quotaRefusals.inc({ rule: note.rule })
      case 'client_gone':
        return clientsGone.inc()
      case 'client_back':
        resumes.inc({ result: note.recovered ? 'recovered' : 'items', from: note.from })
        return awaySeconds.observe(note.awayMs / 1000)
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
        return restoreSeconds.observe(note.durationMs / 1000)
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
    recorder: {
      note(note) {
        try {
          count(note)
        } catch {
          // A number that prom-client refuses (NaN, negative) must not end a session.
        }
      },
    },
    upstreams: createUpstreamMetrics(registry),
    gauge(name, help, read) {
      const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(read()) })
    },
    counter(name, help, labelName) {
      const counted = counter(name, help, [labelName])
      return (value) => counted.inc({ [labelName]: value })
    },
    text: () => registry.metrics(),
    snapshot: () => registry.getMetricsAsJSON(),
    contentType: registry.contentType,
  }
}
