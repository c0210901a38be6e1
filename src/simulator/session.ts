// One session: its door, its timers and the link that carries its events. No client event can crash it.
import type { DialectName } from '../core/protocol/dialect.js'
import { isObject, type JsonObject, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import { CLIENT_EVENTS, type ClientEventType } from './client-events.js'
import { createConversation, type Item } from './conversation.js'
import { openDoor } from './doors.js'
import { perform } from './effects.js'
import { BINARY_FRAME, errorFields, NO_TYPE, NOT_JSON, TOO_DEEP, unknownType } from './error-events.js'
import type { EndFault, Faults } from './faults.js'
import { garbageFrame } from './garbage.js'
import { HANDLERS } from './handlers.js'
import type { Chance } from './ids.js'
import { createInputAudio } from './input-audio.js'
import type { Side } from './journal.js'
import type { Link, LinkHooks } from './link.js'
import { traitsOf } from './models.js'
import type { SimulatorOptions } from './options.js'
import type { RateLimits } from './rate-limits.js'
import type { Script } from './script-file.js'
import { followScript } from './script-run.js'
import { armSessionCap, DEFAULT_SESSION_SECONDS } from './session-cap.js'
import { applyUpdate, defaultConfig, type SessionConfig } from './session-config.js'
import type { Session, Speaker } from './session-state.js'
import { hearSound } from './turns.js'
import { check, isDeeper, type Problem, problem } from './validate.js'

const MAX_DEPTH = 64

export interface SessionSetup {
  readonly dialect: DialectName
  /** Opens what carries its events, both ways or, in a call, to several. */
  readonly openLink: (hooks: LinkHooks) => Link
  /** A call by WebRTC or SIP: its first settings, and what plays its sound. It is not greeted. */
  readonly call?: { readonly settings: JsonObject; createSpeaker(session: Session): Speaker }
  readonly deployment: string
  readonly type: 'realtime' | 'transcription'
  readonly options: SimulatorOptions
  readonly limits: RateLimits
  readonly chance: Chance
  readonly faults: () => Faults
  readonly setFaults: (faults: Faults) => void
  readonly script: () => Script | undefined
  /** Whether the fault may end one more session. */
  readonly mayEnd: (fault: EndFault) => boolean
  /** Called with every client event as the client spelled it, and its length in characters. */
  readonly record: (event: RealtimeEvent, size: number) => void
  /** Called once with the session's id; what it returns is called with every event, both ways, as it is spelled. */
  readonly observe?: (id: string) => (from: Side, event: RealtimeEvent) => void
}

export interface LiveSession {
  readonly id: string
  /** The items of its conversation, oldest first. */
  items(): readonly Item[]
  /** A message of a client. */
  receive(data: string, isBinary: boolean): void
  /** An event as if another client of the same conversation had sent it. No script answers it. */
  inject(event: RealtimeEvent): void
  /** Sound of the caller, PCM16 at 24 kHz. */
  hear(pcm: Buffer): void
  readonly speaking: boolean
  /** Ends with the session. */
  after(ms: number, callback: () => void): void
  /** Applies faults that affect a running session. */
  faultsChanged(): void
  ping(): void
  /** Cuts the connection. */
  drop(): void
}

export function runSession(setup: SessionSetup): LiveSession {
  const { options, faults, chance } = setup
  const door = openDoor(setup.dialect, { style: options.style ?? 'azure', obfuscation: options.obfuscation ?? true, call: setup.call !== undefined })
  const timers = new Set<() => void>()
  const sentOf = new Map<string, number>()
  const speed = Math.max(options.speed ?? 1, 0.001)
  const model = options.model ?? setup.deployment
  let injecting = false

  const id = chance.newId('sess')
  const passed = setup.observe?.(id)
  const link = setup.openLink({
    delay: () => (options.latencyMs ?? 0) + (options.jitterMs ?? 0) * (options.jitterMs ? chance.fraction() : 0),
    frozen: () => faults().freeze === true,
    ended: () => {
      for (const stop of [...timers]) stop()
    },
  })
  const endBy = (fault: EndFault) => {
    if (fault.sidebandsOnly && !setup.call) return
    if (!link.over && setup.mayEnd(fault)) link.endBy(fault)
  }
  const spelled = (type: string, fields: object) => door.write({ type, event_id: chance.newId('event'), ...fields })
  const emit = (events: readonly RealtimeEvent[]) => {
    if (faults().silent || link.over) return
    for (const event of events) {
      // Whoever sent the event hears of the error; that is nobody here.
      if (injecting && event.type === 'error') continue
      link.event(event)
      passed?.('server', event)
      const nth = (sentOf.get(event.type) ?? 0) + 1
      sentOf.set(event.type, nth)
      const fault = faults().end
      if (fault?.at === 'event' && fault.type === event.type && (fault.nth ?? 1) === nth) endBy(fault)
    }
  }
  const send = (type: string, fields: JsonObject) => emit(spelled(type, fields))
  const sendProblem = (found: Problem, causeEventId: string | null, type?: string) => send('error', errorFields(found, causeEventId, type))
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
    traits: traitsOf(model),
    options,
    limits: setup.limits,
    newId: chance.newId,
    conversation: createConversation(chance.newId('conv')),
    input: createInputAudio(),
    config: firstConfig(setup, id, model),
    active: undefined,
    aside: new Map(),
    speechItemId: undefined,
    captions: undefined,
    answerNext: false,
    hasSpoken: false,
    cachedText: 0,
    stopIdleTimer: () => {},
    script: followScript(setup.script),
    speaker: undefined,
    faults,
    setFaults: setup.setFaults,
    send,
    sendGarbage: (kind) => link.write(garbageFrame(kind, chance.newId('event')), kind === 'binary'),
    congested: (resume) => link.congested(() => session.after(0, resume)),
    after(ms, callback) {
      if (link.over) return () => {}
      const run = () => {
        timers.delete(stop)
        if (!link.over) guarded(callback)
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
    endByFault: endBy,
    inject: (event) =>
      void session.after(0, () => {
        passed?.('client', event)
        injecting = true
        try {
          handle(event, null)
        } finally {
          injecting = false
        }
      }),
  }
  session.speaker = setup.call?.createSpeaker(session)

  const take = (event: RealtimeEvent, causeEventId: string | null) => {
    const effects = session.script.onEvent(event)
    if (!effects.some((effect) => 'error' in effect)) handle(event, causeEventId)
    perform(session, effects, causeEventId)
  }
  const handle = (event: RealtimeEvent, causeEventId: string | null) => {
    if (!door.supported.includes(event.type)) return sendProblem(unknownType(event.type, door.supported), causeEventId)
    const read = door.read(event)
    if ('problem' in read) {
      // In the door's own spelling already.
      emit([{ type: 'error', event_id: chance.newId('event'), ...errorFields(read.problem, causeEventId) }])
      return read.close && link.close(read.close.code, read.close.reason)
    }
    if (read.length === 0) return sendProblem(unknownType(event.type, door.supported), causeEventId)
    for (const ga of read) {
      if (!Object.hasOwn(CLIENT_EVENTS, ga.type)) return sendProblem(unknownType(ga.type, door.supported), causeEventId)
      const type = ga.type as ClientEventType
      const found = check(ga, CLIENT_EVENTS[type], '') ?? HANDLERS[type](session, ga)
      if (found) sendProblem(found, causeEventId)
    }
  }

  if (!setup.call) send('session.created', { session: session.config })
  for (const kind of faults().garbage ?? []) session.sendGarbage(kind)
  armSessionCap(session, link, (type, fields) => JSON.stringify(spelled(type, fields)[0]))
  const opening = faults().end
  if (opening?.at === 'open') endBy(opening)

  return {
    id,
    items: () => session.conversation.items.map((stored) => stored.item),
    receive(data, isBinary) {
      if (link.over) return
      if (isBinary) return sendProblem(BINARY_FRAME, null)
      guarded(() => {
        const value = parse(data)
        if (!isObject(value)) return sendProblem(NOT_JSON, null)
        if (isDeeper(value, MAX_DEPTH)) return sendProblem(TOO_DEEP, null)
        const causeEventId = stringAt(value as JsonObject, 'event_id')?.slice(0, 512) ?? null
        if (stringAt(value, 'type') === undefined) return sendProblem(NO_TYPE, causeEventId)
        setup.record(value as RealtimeEvent, data.length)
        passed?.('client', value as RealtimeEvent)
        take(value as RealtimeEvent, causeEventId)
      })
    },
    inject: session.inject,
    after: session.after,
    hear: (pcm) => guarded(() => void hearSound(session, pcm)),
    get speaking() {
      return session.input.speaking
    },
    faultsChanged() {
      const { end } = faults()
      link.faultsChanged()
      if (end?.at === 'now') endBy(end)
    },
    ping: () => link.ping(),
    drop: () => link.drop(),
  }
}

function firstConfig({ type, options, call }: SessionSetup, id: string, model: string): SessionConfig {
  const traits = traitsOf(model)
  const config = defaultConfig(type, id, model, Math.floor(Date.now() / 1000 + (options.sessionSeconds ?? DEFAULT_SESSION_SECONDS)), traits)
  return call ? applyUpdate(config, call.settings, traits) : config
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
