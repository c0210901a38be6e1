// One session: its socket, its dialect and its timers. No client event can crash it.
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { DialectName } from '../core/protocol/dialect.js'
import { dialectFor } from '../core/protocol/dialects.js'
import { isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import { CLIENT_EVENTS, type ClientEventType } from './client-events.js'
import { createConversation } from './conversation.js'
import { BINARY_FRAME, errorEvent, NO_TYPE, NOT_JSON, sessionExpired, TOO_DEEP, unknownType } from './error-events.js'
import type { EndFault, Faults, Garbage } from './faults.js'
import { garbageFrame } from './garbage.js'
import { HANDLERS } from './handlers.js'
import { newId } from './ids.js'
import { createInputAudio } from './input-audio.js'
import type { SimulatorOptions } from './options.js'
import type { RateLimits } from './rate-limits.js'
import { defaultConfig } from './session-config.js'
import type { Session } from './session-state.js'
import { check, isDeeper, type Problem, problem } from './validate.js'

const DEFAULT_SESSION_SECONDS = 3600
/** Above this many unsent bytes responses wait and reading stops. */
const CONGESTED_BYTES = 8 * 1024 * 1024
const MAX_DEPTH = 64
const CLOSE_GRACE_MS = 2000

export interface SessionSetup {
  readonly dialect: DialectName
  /** The connection under the WebSocket, for faults that end it without a close frame. */
  readonly tcp: Socket
  readonly deployment: string
  readonly type: 'realtime' | 'transcription'
  readonly options: SimulatorOptions
  readonly limits: RateLimits
  readonly faults: () => Faults
  /** Called with every client event as the client spelled it, and its length in characters. */
  readonly record: (event: RealtimeEvent, size: number) => void
}

export interface LiveSession {
  readonly id: string
  /** Applies faults that affect a running session. */
  faultsChanged(): void
  ping(): void
  /** Cuts the connection. */
  drop(): void
}

export function runSession(socket: WebSocket, setup: SessionSetup): LiveSession {
  const { options, faults } = setup
  const dialect = dialectFor(setup.dialect)
  const timers = new Set<() => void>()
  const speed = Math.max(options.speed ?? 1, 0.001)
  let over = false
  let waiting: (() => void)[] = []
  let held = false

  const sendRaw = (data: string | Buffer, binary = false) => {
    if (over || socket.readyState !== socket.OPEN) return
    socket.send(data, { binary }, drained)
    if (socket.bufferedAmount > CONGESTED_BYTES && !held) {
      held = true
      socket.pause()
    }
  }
  const drained = () => {
    if (over || socket.bufferedAmount > CONGESTED_BYTES) return
    if (held) {
      held = false
      if (!faults().freeze) socket.resume()
    }
    const resumed = waiting
    waiting = []
    for (const resume of resumed) session.after(0, resume)
  }
  const sendEvent = (event: RealtimeEvent) => {
    if (faults().silent) return
    for (const spelled of dialect.fromGa(event)) sendRaw(JSON.stringify(spelled))
  }
  const sendProblem = (found: Problem, causeEventId: string | null, type?: string) => sendEvent(errorEvent(found, causeEventId, type))
  const guarded = (work: () => void) => {
    try {
      work()
    } catch (error) {
      options.log?.(`internal error: ${error instanceof Error ? (error.stack ?? error.message) : 'unknown'}`)
      sendProblem(problem('internal_error', null, 'The server had an error while processing your request.'), null, 'server_error')
    }
  }

  const session: Session = {
    style: options.style ?? 'azure',
    deployment: setup.deployment,
    options,
    limits: setup.limits,
    conversation: createConversation(newId('conv')),
    input: createInputAudio(),
    config: defaultConfig(setup.type, newId('sess'), setup.deployment, Math.floor(Date.now() / 1000) + (options.sessionSeconds ?? DEFAULT_SESSION_SECONDS)),
    active: undefined,
    aside: new Map(),
    speechItemId: undefined,
    answerNext: false,
    hasSpoken: false,
    cachedText: 0,
    stopIdleTimer: () => {},
    faults,
    send: (type, fields) => sendEvent({ type, event_id: newId('event'), ...fields }),
    sendGarbage: (kind: Garbage) => sendRaw(garbageFrame(kind), kind === 'binary'),
    congested(resume) {
      if (socket.bufferedAmount <= CONGESTED_BYTES) return false
      waiting.push(resume)
      return true
    },
    after(ms, callback) {
      if (over) return () => {}
      const run = () => {
        timers.delete(stop)
        if (!over) guarded(callback)
      }
      const stop = () => {
        timers.delete(stop)
        if (immediate) clearImmediate(immediate)
        if (timer) clearTimeout(timer)
      }
      const immediate = ms < 1 ? setImmediate(run) : undefined
      const timer = ms < 1 ? undefined : setTimeout(run, ms)
      timers.add(stop)
      return stop
    },
    paced: (ms) => (speed === Number.POSITIVE_INFINITY ? 0 : ms / speed),
    endByFault: (fault) => endBy(fault),
  }

  const end = () => {
    if (over) return
    over = true
    waiting = []
    for (const stop of [...timers]) stop()
  }
  const close = (code: number, reason: string) => {
    socket.close(code, reason)
    end()
    setTimeout(() => socket.terminate(), CLOSE_GRACE_MS).unref()
  }
  const endBy = (fault: EndFault) => {
    if (fault.how === 'close') return closeAsTold(fault, close, socket)
    end()
    if (fault.how === 'rst') setup.tcp.resetAndDestroy()
    else setup.tcp.end()
    setTimeout(() => setup.tcp.destroy(), CLOSE_GRACE_MS).unref()
  }

  const take = (event: RealtimeEvent, causeEventId: string | null) => {
    // Preview has no session type, so a client that names one is a GA client on the wrong endpoint.
    if (setup.dialect === 'preview' && event.type === 'session.update' && Object.hasOwn(objectAt(event, 'session') ?? {}, 'type'))
      return sendProblem(problem('unknown_parameter', 'session.type', "Unknown parameter: 'session.type'."), causeEventId)
    const translated = dialect.toGa(event)
    if (translated.length === 0) return sendProblem(unknownType(event.type), causeEventId)
    for (const ga of translated) {
      if (!Object.hasOwn(CLIENT_EVENTS, ga.type)) return sendProblem(unknownType(ga.type), causeEventId)
      const type = ga.type as ClientEventType
      const found = check(ga, CLIENT_EVENTS[type], '') ?? HANDLERS[type](session, ga)
      if (found) sendProblem(found, causeEventId)
    }
  }

  socket.on('message', (data, isBinary) => {
    if (over) return
    if (isBinary) return sendProblem(BINARY_FRAME, null)
    guarded(() => {
      const text = String(data)
      const value = parse(text)
      if (!isObject(value)) return sendProblem(NOT_JSON, null)
      if (isDeeper(value, MAX_DEPTH)) return sendProblem(TOO_DEEP, null)
      const causeEventId = stringAt(value as JsonObject, 'event_id')?.slice(0, 512) ?? null
      if (stringAt(value, 'type') === undefined) return sendProblem(NO_TYPE, causeEventId)
      setup.record(value as RealtimeEvent, text.length)
      take(value as RealtimeEvent, causeEventId)
    })
  })
  socket.on('close', end)
  socket.on('error', end)

  session.send('session.created', { session: session.config })
  for (const kind of faults().garbage ?? []) session.sendGarbage(kind)
  const seconds = options.sessionSeconds ?? DEFAULT_SESSION_SECONDS
  session.after(seconds * 1000, () => {
    const expired = sessionExpired(seconds)
    sendProblem(expired, null)
    close(1001, expired.message)
  })
  const faultsChanged = () => {
    const { end: fault, freeze } = faults()
    if (freeze) socket.pause()
    else if (!held) socket.resume()
    if (fault?.at === 'now') endBy(fault)
  }
  if (faults().freeze) socket.pause()
  const opening = faults().end
  if (opening?.at === 'open') endBy(opening)

  return {
    id: session.config.id,
    faultsChanged,
    ping: () => {
      if (!over && socket.readyState === socket.OPEN) socket.ping()
    },
    drop: () => {
      end()
      socket.terminate()
    },
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A code that `ws` may not send (1004 to 1006, 1015 and others) ends the connection without a close frame, as a peer would see it. */
function closeAsTold(fault: EndFault, close: (code: number, reason: string) => void, socket: WebSocket): void {
  try {
    close(fault.code ?? 1011, fault.reason ?? '')
  } catch {
    socket.terminate()
  }
}
