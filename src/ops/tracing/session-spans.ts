// Follows one session by its notes, and makes spans of how it connected, its turns, and what became of a lost upstream.
import { type Attributes, ROOT_CONTEXT, type SpanContext, SpanKind, type Tracer, trace } from '@opentelemetry/api'
import type { Content, ContentSink } from '../../ports/content.js'
import type { Note, Recorder, Traced } from '../../ports/notes.js'
import type { UpstreamService } from '../../ports/upstream.js'
import { ATTRIBUTE, EVENT, PROVIDER, SPAN } from './otel-names.js'
import { createSessionSaid } from './said.js'
import { endSpan, type OpenSpan, plain, remoteContext, type SpanStart, startSpan, traceparentOf } from './spans.js'
import { createTurnSpans } from './turn-spans.js'

export interface TracedSession {
  readonly sessionId: string
  readonly profile: string
  readonly dialect: string
  /** When its upgrade was asked for, in epoch milliseconds. */
  readonly arrivedAt: number
  /** The client's `traceparent`. */
  readonly trace: string | undefined
  /** It was on another instance before. */
  readonly isMoved: boolean
  /** `traceparent` of its connection there, if it was traced. */
  readonly before?: string | undefined
}

export interface SessionSpansOptions {
  readonly tracer: Tracer
  readonly layout: 'turn' | 'session'
  readonly trustsClient: boolean
  /** Spans hold what is said. */
  readonly content: boolean
  /** Epoch milliseconds that run on steadily. */
  readonly clock: () => number
  /** A mistake of ours. The session goes on without this span. */
  readonly onThrown: (error: unknown) => void
}

/** Never throws. After the session's end it hears nothing more. */
export function createSessionSpans(session: TracedSession, options: SessionSpansOptions): Recorder {
  const follow = followed(session, options)
  const content: ContentSink = (content) => {
    try {
      follow.content(content)
    } catch (error) {
      options.onThrown(error)
    }
  }
  return {
    note(note) {
      try {
        follow.note(note, options.clock())
      } catch (error) {
        options.onThrown(error)
      }
    },
    traceparent: (of) => follow.traceparent(of),
    ...(options.content && { content }),
  }
}

function followed(session: TracedSession, { tracer, layout, trustsClient, content: withContent }: SessionSpansOptions) {
  const base = { [ATTRIBUTE.session]: session.sessionId }
  const connect = startConnect(session, { tracer, layout, trustsClient }, base)
  const connectContext = connect.span.spanContext()
  const root = (): Pick<SpanStart, 'parent' | 'links'> => (layout === 'session' ? { parent: connect.context } : { links: [connectContext] })
  let service: Attributes = {}
  let answering: Attributes = {}
  const said = withContent ? createSessionSaid() : undefined
  const turns = createTurnSpans({ tracer, root, attributes: base, service: () => ({ ...service, ...answering }), said })
  const dials = new Map<number, OpenSpan>()
  let restore: OpenSpan | undefined
  let isConnecting = true
  let isOver = false

  function connected(at: number, error?: string): void {
    if (isConnecting) endSpan(connect, at, error)
    isConnecting = false
  }

  function startRestore(name: string, at: number, attributes: Attributes, parent: Pick<SpanStart, 'parent' | 'links'>): void {
    endRestore(at)
    restore = startSpan(tracer, name, { kind: SpanKind.INTERNAL, at, ...parent, attributes: { ...base, ...attributes } })
  }

  function endRestore(at: number, attributes: Attributes = {}, error?: string): void {
    if (!restore) return
    restore.span.setAttributes(attributes)
    endSpan(restore, at, error)
    restore = undefined
  }

  function guardChecked({ guard, side, outcome, durationMs }: Extract<Note, { type: 'guard_checked' }>, at: number): void {
    const [name, turn] = [plain(guard), turns.current()]
    const own = { [ATTRIBUTE.guard]: name, [ATTRIBUTE.guardSide]: side, [ATTRIBUTE.guardOutcome]: outcome }
    const start = turn ? { parent: turn.context } : root()
    const check = startSpan(tracer, `${SPAN.guard} ${name}`, { kind: SpanKind.INTERNAL, at: at - durationMs, ...start, attributes: { ...base, ...own } })
    endSpan(check, at, outcome === 'none' ? 'no_answer' : undefined)
  }

  function dialStarted({ leg, reason }: Extract<Note, { type: 'dial_started' }>, at: number): void {
    const former = dials.get(leg)
    if (former) endSpan(former, at)
    if (reason === 'rollover' && !restore) startRestore(SPAN.rollover, at, {}, root())
    const parent = restore?.context ?? (isConnecting ? connect.context : turns.current()?.context)
    const start = parent ? { parent } : root()
    dials.set(leg, startSpan(tracer, SPAN.dial, { kind: SpanKind.CLIENT, at, ...start, attributes: { ...base, [ATTRIBUTE.dialReason]: reason } }))
  }

  function dialFinished({ leg, outcome, service: reached }: Extract<Note, { type: 'dial_finished' }>, at: number): void {
    const dial = dials.get(leg)
    dials.delete(leg)
    if (reached && outcome === 'ok') service = serviceAttributes(reached)
    if (!dial) return
    if (reached) dial.span.setAttributes({ ...serviceAttributes(reached), [ATTRIBUTE.upstream]: reached.name })
    endSpan(dial, at, outcome === 'ok' || outcome === 'given_up' ? undefined : outcome)
  }

  function over(at: number, code: string): void {
    const error = code === 'client_left' ? undefined : code
    isOver = true
    for (const dial of dials.values()) endSpan(dial, at, error)
    endRestore(at, {}, error)
    turns.ended(at, error)
    connected(at, error)
  }

  function note(note: Note, at: number): void {
    if (isOver) return
    switch (note.type) {
      case 'configured':
        return connected(at)
      case 'upstream_session':
        answering = { [ATTRIBUTE.upstreamSession]: plain(note.sessionId), ...(note.model !== undefined && { [ATTRIBUTE.requestModel]: plain(note.model) }) }
        return
      case 'dial_started':
        return dialStarted(note, at)
      case 'dial_finished':
        return dialFinished(note, at)
      case 'upstream_lost': {
        const turn = turns.current()
        startRestore(SPAN.restore, at, { [ATTRIBUTE.lossCause]: note.cause, [ATTRIBUTE.during]: note.during }, turn ? { parent: turn.context } : root())
        return turns.upstreamLost(at)
      }
      case 'restored':
        connected(at)
        endRestore(at, { [ATTRIBUTE.cut]: note.cut, [ATTRIBUTE.attempts]: note.attempts })
        return turns.restored(note.cut !== 'none', at)
      case 'restore_failed':
        return endRestore(at, { [ATTRIBUTE.attempts]: note.attempts }, note.why)
      case 'rollover_failed':
        return endRestore(at, {}, note.why)
      case 'speech_started':
        return turns.speechStarted(at)
      case 'speech_stopped':
        return turns.speechStopped(at)
      case 'response_started':
        return turns.responseStarted(note.responseId, at)
      case 'first_audio':
        return turns.firstAudio(note.responseId, at)
      case 'response_done':
        return turns.responseDone(note, at)
      case 'tool_started':
        return turns.toolStarted(note, at)
      case 'tool_finished':
        return turns.toolFinished(note, at)
      case 'guard_checked':
        return guardChecked(note, at)
      case 'guard_tripped': {
        const found = { [ATTRIBUTE.guard]: plain(note.guard), [ATTRIBUTE.guardSide]: note.side, [ATTRIBUTE.guardCategory]: plain(note.category) }
        turns.current()?.span.addEvent(EVENT.guardTripped, found, at)
        return
      }
      case 'guard_failed':
        turns.current()?.span.addEvent(EVENT.guardFailed, { [ATTRIBUTE.guard]: plain(note.guard), [ATTRIBUTE.guardWhy]: note.why }, at)
        return
      case 'session_closed':
        return over(at, note.code)
      case 'session_moved':
        return over(at, 'client_left')
      default:
        return undefined
    }
  }

  function spanOf(of: Traced): SpanContext | undefined {
    if (of.type === 'turn') return turns.latest()
    return (of.type === 'dial' ? dials.get(of.leg) : of.type === 'tool' ? turns.tool(of.callId) : undefined)?.span.spanContext()
  }

  function content(content: Content): void {
    if (isOver) return
    if (content.type === 'input' || content.type === 'output') said?.heard(content)
    else turns.toolSaid(content.callId, content.type === 'tool_arguments' ? ATTRIBUTE.toolArguments : ATTRIBUTE.toolResult, content.text)
  }

  return {
    note,
    content,
    traceparent: (of: Traced) => traceparentOf(spanOf(of) ?? connectContext),
  }
}

/** A client that is trusted is the parent. Else, in one trace for the whole call, what the session was before; any other is a link. */
function startConnect(session: TracedSession, { tracer, layout, trustsClient }: Pick<SessionSpansOptions, 'tracer' | 'layout' | 'trustsClient'>, base: Attributes): OpenSpan {
  const { profile, dialect, arrivedAt, isMoved } = session
  const [client, before] = [session.trace, session.before].map((one) => (one === undefined ? undefined : remoteContext(one)))
  const attributes = { ...base, [ATTRIBUTE.profile]: profile, [ATTRIBUTE.dialect]: dialect, [ATTRIBUTE.resumed]: isMoved }
  const parent = (trustsClient ? client : undefined) ?? (layout === 'session' ? before : undefined)
  const links = [client, before].flatMap((one) => (one && one !== parent ? [one] : []))
  return startSpan(tracer, SPAN.connect, { kind: SpanKind.SERVER, at: arrivedAt, parent: parent && trace.setSpanContext(ROOT_CONTEXT, parent), links, attributes })
}

function serviceAttributes({ provider, address, port }: UpstreamService): Attributes {
  return { [ATTRIBUTE.provider]: PROVIDER[provider], [ATTRIBUTE.serverAddress]: address, [ATTRIBUTE.serverPort]: port }
}
