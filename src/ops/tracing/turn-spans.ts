// Makes spans of a session's turns: what the user said, each response, each tool, and the turn around them.
import { type Attributes, type SpanContext, SpanKind, type Tracer } from '@opentelemetry/api'
import type { Note } from '../../ports/notes.js'
import { boundedText, contentAttributes, type Said } from './messages.js'
import { ATTRIBUTE, EVENT, SPAN } from './otel-names.js'
import type { SessionSaid } from './said.js'
import { endSpan, type OpenSpan, plain, type SpanStart, startSpan } from './spans.js'
import { endOf, finishReason, type ResponseDone, type ResponseEnd, responseAttributes } from './usage-attributes.js'

export interface TurnSurroundings {
  readonly tracer: Tracer
  /** Where a span hangs that is in no turn. */
  root(): Pick<SpanStart, 'parent' | 'links'>
  /** Of every span of the session. */
  readonly attributes: Attributes
  /** Of the upstream that answers now. */
  service(): Attributes
  /** Absent: spans hold nothing of what is said. */
  readonly said: SessionSaid | undefined
}

interface Turn {
  readonly open: OpenSpan
  readonly since: number
  speech: OpenSpan | undefined
  speeches: number
  speechOverAt: number | undefined
  hasSounded: boolean
  responses: number
  /** Responses and tools that run. */
  busy: number
  tools: number
  /** Tools or the client are to answer, or a restore is to ask again: the next response belongs to this turn. */
  awaitsMore: boolean
  isRestored: boolean
  isCurrent: boolean
  end: ResponseEnd | undefined
  lastAt: number
  said: Said
}

interface Running {
  readonly open: OpenSpan
  readonly turn: Turn
  /** Said while a tool runs: not what the turn waits for. */
  readonly isAside: boolean
}

/** The service runs one response, and core a few tools; more would be a mistake of somebody's. */
const MOST_RUNNING = 64
/** Stretches of speech that no answer has begun to. */
const MOST_SPEECHES = 32
/** A client that answers its tool later begins a turn of its own. */
const MORE_WITHIN_MS = 30_000
/** Messages of a turn. */
const MOST_SAID = 32
const NOTHING_SAID: Said = { input: [], output: undefined }

export function createTurnSpans({ tracer, root, attributes, service, said }: TurnSurroundings) {
  const responses = new Map<string, Running>()
  const tools = new Map<string, Running>()
  let current: Turn | undefined
  let latest: SpanContext | undefined

  function begin(start: 'speech' | 'request', at: number): Turn {
    const open = startSpan(tracer, SPAN.turn, { kind: SpanKind.INTERNAL, at, ...root(), attributes: { ...attributes, [ATTRIBUTE.turnStart]: start } })
    latest = open.span.spanContext()
    const counts = { speeches: 0, responses: 0, busy: 0, tools: 0 }
    const state = { speech: undefined, speechOverAt: undefined, hasSounded: false, awaitsMore: false, isRestored: false, isCurrent: true, end: undefined }
    current = { open, since: at, ...counts, ...state, lastAt: at, said: NOTHING_SAID }
    return current
  }

  function speak(turn: Turn, at: number): void {
    turn.speeches++
    turn.speechOverAt = undefined
    turn.speech = startSpan(tracer, SPAN.userSpeech, { kind: SpanKind.INTERNAL, at, parent: turn.open.context, attributes })
  }

  function endSpeech(turn: Turn, at: number): void {
    if (!turn.speech) return
    endSpan(turn.speech, at)
    turn.speech = undefined
    turn.speechOverAt = at
    turn.lastAt = at
  }

  function close(turn: Turn): void {
    if (turn === current) current = undefined
    endSpeech(turn, turn.lastAt)
    turn.open.span.setAttributes({ [ATTRIBUTE.turnEnd]: turn.end ?? 'abandoned', ...contentAttributes(turn.said) })
    endSpan(turn.open, turn.lastAt, turn.end === 'failed' ? 'response_failed' : undefined)
  }

  /** Another turn takes its place. What still runs in it may end. */
  function leave(turn: Turn): void {
    turn.isCurrent = false
    current = undefined
    if (turn.busy === 0) close(turn)
  }

  function settle(turn: Turn, at: number): void {
    turn.lastAt = at
    if (turn.busy > 0) return
    if (!turn.isCurrent || (turn.responses > 0 && !turn.awaitsMore && !turn.isRestored && !turn.speech)) close(turn)
  }

  function stop(running: Map<string, Running>, id: string): Running | undefined {
    const found = running.get(id)
    if (found) found.turn.busy--
    running.delete(id)
    return found
  }

  /** A turn's answer is what its last response said. */
  function tellSaid(id: string, { open, turn, isAside }: Running, finishReason: string): void {
    const told = said?.responseOver(id, finishReason)
    if (!told) return
    open.span.setAttributes(contentAttributes(told))
    turn.said = { input: [...turn.said.input, ...told.input.filter(({ from }) => from === 'user')].slice(-MOST_SAID), output: isAside ? turn.said.output : told.output }
  }

  function endResponse(id: string, at: number, error?: string): Turn | undefined {
    const found = stop(responses, id)
    if (!found) return undefined
    found.open.span.setAttribute(ATTRIBUTE.finishReasons, ['error'])
    tellSaid(id, found, 'error')
    endSpan(found.open, at, error)
    return found.turn
  }

  return {
    current: () => current?.open,
    /** The one that began last, which may be over. */
    latest: () => latest,
    tool: (callId: string) => tools.get(callId)?.open,

    speechStarted(at: number): void {
      if (current && current.responses === 0 && current.speeches < MOST_SPEECHES) {
        endSpeech(current, at)
        return speak(current, at)
      }
      if (current) leave(current)
      speak(begin('speech', at), at)
    },

    speechStopped(at: number): void {
      if (current) endSpeech(current, at)
    },

    responseStarted(id: string, at: number): void {
      if (responses.size >= MOST_RUNNING || responses.has(id)) return
      if (current?.awaitsMore && current.busy === 0 && at - current.lastAt > MORE_WITHIN_MS) leave(current)
      const turn = current ?? begin('request', at)
      turn.responses++
      turn.busy++
      const own = { [ATTRIBUTE.operation]: SPAN.inference, [ATTRIBUTE.responseId]: plain(id) }
      const upstream = service()
      const model = upstream[ATTRIBUTE.requestModel]
      const open = startSpan(tracer, model === undefined ? SPAN.inference : `${SPAN.inference} ${model}`, {
        kind: SpanKind.CLIENT,
        at,
        parent: turn.open.context,
        attributes: { ...attributes, ...upstream, ...own },
      })
      responses.set(id, { open, turn, isAside: turn.tools > 0 })
      said?.responseStarted(id)
    },

    firstAudio(id: string, at: number): void {
      const found = responses.get(id)
      if (!found) return
      found.open.span.addEvent(EVENT.firstAudio, at)
      const { turn } = found
      if (turn.hasSounded) return
      turn.hasSounded = true
      turn.open.span.setAttribute(ATTRIBUTE.firstAudioMs, Math.round(at - (turn.speechOverAt ?? turn.since)))
    },

    responseDone(note: ResponseDone, at: number): void {
      const found = stop(responses, note.responseId)
      if (!found) return
      const { open, turn, isAside } = found
      const end = endOf(note)
      open.span.setAttributes(responseAttributes(note))
      tellSaid(note.responseId, found, finishReason(note))
      endSpan(open, at, end === 'failed' ? 'response_failed' : end === 'filtered' ? 'content_filter' : undefined)
      if (!isAside) {
        turn.end = end
        turn.awaitsMore = end === 'completed' && note.calls !== undefined
      }
      settle(turn, at)
    },

    toolStarted({ callId, tool }: Extract<Note, { type: 'tool_started' }>, at: number): void {
      if (tools.size >= MOST_RUNNING || tools.has(callId)) return
      // One that was approved late belongs to no turn that is open.
      const turn = current ?? begin('request', at)
      turn.busy++
      turn.tools++
      const own = { [ATTRIBUTE.operation]: SPAN.tool, [ATTRIBUTE.toolName]: tool, [ATTRIBUTE.toolType]: 'function', [ATTRIBUTE.toolCallId]: plain(callId) }
      const open = startSpan(tracer, `${SPAN.tool} ${tool}`, { kind: SpanKind.INTERNAL, at, parent: turn.open.context, attributes: { ...attributes, ...own } })
      tools.set(callId, { open, turn, isAside: false })
    },

    toolFinished({ callId, outcome }: Extract<Note, { type: 'tool_finished' }>, at: number): void {
      const found = stop(tools, callId)
      if (!found) return
      found.turn.tools--
      endSpan(found.open, at, outcome === 'ok' ? undefined : outcome)
      settle(found.turn, at)
    },

    toolSaid(callId: string, attribute: string, text: string): void {
      tools.get(callId)?.open.span.setAttribute(attribute, boundedText(text))
    },

    /** What ran on the leg that is gone has ended. The turn goes on if there is one. */
    upstreamLost(at: number): void {
      if (current) current.isRestored = true
      for (const id of [...responses.keys()]) {
        const turn = endResponse(id, at, 'upstream_lost')
        if (!turn) continue
        turn.end = 'failed'
        settle(turn, at)
      }
    },

    /** `isCut`: an answer was cut, and may be asked for again. */
    restored(isCut: boolean, at: number): void {
      if (!current?.isRestored) return
      current.isRestored = false
      current.awaitsMore ||= isCut
      settle(current, at)
    },

    /** `error`: absent if the client left. */
    ended(at: number, error: string | undefined): void {
      const turns = new Set([...responses.values(), ...tools.values()].map(({ turn }) => turn))
      for (const turn of turns) turn.end = undefined
      if (current?.speech) current.end = undefined
      if (current) turns.add(current)
      for (const id of [...responses.keys()]) endResponse(id, at, error)
      for (const [callId, { open }] of tools) {
        stop(tools, callId)
        endSpan(open, at, error ?? 'aborted')
      }
      for (const turn of turns) {
        if (turn.end === undefined) turn.lastAt = at
        close(turn)
      }
    },
  }
}
