// Playbooks: a session as a transcript of events in and expected sends out, in order. Any other send is a failure.
import { expect } from 'vitest'
import type { SessionProfile, SessionTool } from '../../src/core/policy/profile.js'
import type { RealtimeEvent } from '../../src/core/protocol/events.js'
import type { Action } from '../../src/core/session/actions.js'
import { dueAt } from '../../src/core/session/budget.js'
import type { CallSeed } from '../../src/core/session/call/state.js'
import type { Input } from '../../src/core/session/inputs.js'
import { nothingPlaying, type Playing } from '../../src/core/session/playing/playing.js'
import { openingState, type SessionState } from '../../src/core/session/state.js'
import { step } from '../../src/core/session/step.js'
import { type Heard, heardNothing } from '../../src/core/session/voice.js'

export const PREFIX = 'relay_0123456789_'

export function tool(name: string, owner: 'server' | 'client' = 'server'): SessionTool {
  return { owner, definition: { type: 'function', name, description: `Does ${name}.`, parameters: { type: 'object', properties: {} } } }
}

export function profile(change: Partial<SessionProfile> = {}): SessionProfile {
  return {
    name: 'default',
    instructions: 'Speak like a lighthouse keeper of the north.',
    tools: [tool('get_weather'), tool('get_time'), tool('show_on_screen', 'client')],
    session: { output_modalities: ['audio'] },
    clientMaySet: new Set(['audio.output.voice', 'audio.input.turn_detection', 'output_modalities']),
    clientMaySeedHistory: false,
    forwardRateLimits: false,
    relayEvents: false,
    ...change,
    limits: {
      maxSessionMs: 3_600_000,
      idleTimeoutMs: 600_000,
      configureTimeoutMs: 10_000,
      toolMaxRounds: 8,
      toolMaxConcurrent: 4,
      toolCallsPerMinute: 60,
      toolApprovalMs: 30_000,
      maxViolations: 5,
      responsesPerMinute: 60,
      sessionUpdatesPerMinute: 60,
      maxItems: 2000,
      ...change.limits,
    },
  }
}

export interface Play {
  state: SessionState
  /** Feeds one input and returns the actions. */
  input(input: Input): readonly Action[]
  /** Feeds an upstream event. Returns the results as lines: `side:type` of each send, tool starts, closes. */
  upstream(event: object): readonly string[]
  client(event: object): readonly string[]
  toolFinished(callId: string, output?: string, ok?: boolean): readonly string[]
  /** Feeds any other input and returns its actions as lines. */
  feed(input: Input): readonly string[]
  /** Milliseconds from the upgrade; every input comes at this time. */
  now: number
  /** Of the client's audio, with every input. */
  heard: Heard
  /** Of the answers' audio, with every input. */
  playing: Playing
  /** Lets time pass to `now` and looks at what is due. `unheardMs`: of the answers' audio. */
  tick(now: number, clientActive?: boolean, unheardMs?: number): readonly string[]
  /** The last event sent to a side. */
  lastTo(side: 'client' | 'upstream'): RealtimeEvent | undefined
  allTo(side: 'client' | 'upstream'): readonly RealtimeEvent[]
}

/** A session already live unless `phase` says otherwise, upgraded at `openedAt`. */
export function play(change: Partial<SessionProfile> = {}, phase: 'connecting' | 'live' = 'live', expiresAt = 1e12, openedAt = 0, call?: CallSeed): Play {
  const owned = profile(change)
  const sent: { client: RealtimeEvent[]; upstream: RealtimeEvent[] } = { client: [], upstream: [] }
  const self: Play = {
    now: openedAt,
    heard: heardNothing,
    playing: nothingPlaying,
    state: openingState({ profile: owned, relayIdPrefix: PREFIX, requestedModel: undefined, now: openedAt, caller: { subject: 'alice', issuer: undefined }, expiresAt, call }),
    input(input) {
      const before = self.state
      // A step changes a copy of its own: the state it was given is somebody's still.
      const [state, actions] = step(Object.freeze(before), input, self.now, self.heard, self.playing)
      // The relay asks for the next due time only as a change of the last one.
      if (dueAt(state, before, dueAt(before)) !== dueAt(state)) throw new Error(`due at another time than told: ${JSON.stringify(input)}`)
      self.state = state
      for (const action of actions) if (action.type === 'send') sent[action.to].push(action.event)
      return actions
    },
    upstream: (event) => lines(self.input({ type: 'upstream.event', leg: self.state.upstream.leg, event: event as RealtimeEvent, frame: Buffer.from(JSON.stringify(event)) })),
    client: (event) => lines(self.input({ type: 'client.event', event: event as RealtimeEvent })),
    toolFinished: (callId, output = 'result', ok = true) => lines(self.input({ type: 'tool.finished', callId, output, ok, durationMs: 12.4 })),
    feed: (input) => lines(self.input(input)),
    tick(now, clientActive = false, unheardMs = 0) {
      self.now = now
      return lines(self.input({ type: 'tick', clientActiveAt: clientActive ? now : 0, unheardMs }))
    },
    lastTo: (side) => sent[side].at(-1),
    allTo: (side) => sent[side],
  }
  self.input({ type: 'client.attached' })
  self.input({ type: 'upstream.opened', leg: 1, privateWords: ['secret-deployment'] })
  if (phase === 'live') {
    if (!call) self.upstream({ type: 'session.created', event_id: 'event_0', session: { type: 'realtime', id: 'sess_1', instructions: 'default', tools: [] } })
    self.upstream(updated(owned))
    expect(self.state.upstream.phase).toBe('ready')
  }
  return self
}

/** The `session.updated` of an upstream that has accepted the profile. */
export function updated(owned: SessionProfile): RealtimeEvent {
  const tools = owned.tools.map((one) => ({ ...one.definition }))
  return {
    type: 'session.updated',
    event_id: 'event_1',
    session: { type: 'realtime', id: 'sess_1', model: 'gpt-realtime', instructions: owned.instructions, tools },
  } as unknown as RealtimeEvent
}

function lines(actions: readonly Action[]): readonly string[] {
  return actions.flatMap((action) => {
    switch (action.type) {
      case 'send':
        return [`${action.to} ${action.event.type}`]
      case 'tool.start':
        return [`start ${action.callId}`]
      case 'tool.cancel':
        return [`cancel ${action.callId}`]
      case 'dial':
        return [`dial ${action.leg} ${action.reason}`]
      case 'drop':
        return ['drop']
      case 'switch':
        return [`switch ${action.leg}`]
      case 'guard.check':
        return [`ask ${action.guard} ${action.side}`]
      case 'output.release':
        return [`release ${action.responseId} ${action.mark === Number.MAX_SAFE_INTEGER ? 'all' : action.mark}`]
      case 'output.drop':
        return [`never ${action.responseId}`]
      case 'call.live':
        return ['live']
      case 'phone.transfer':
        return [`transfer ${action.callId} ${action.name}`]
      case 'ping':
        return ['ping']
      case 'token.verify':
        return [`verify ${action.token}`]
      case 'token.use':
        return [`use ${action.tokenId}`]
      case 'park':
        return [`park ${action.code} ${action.why}`]
      case 'record.estimate':
        return [`estimate ${action.input}+${action.output}`]
      case 'close':
        return [`close ${action.code} ${action.why}`]
      default:
        return []
    }
  })
}

/** Upstream events of one response, under short names. */
export const ev = {
  created: (id: string, extra: object = {}) => ({
    type: 'response.created',
    event_id: `e_${id}`,
    response: { object: 'realtime.response', id, status: 'in_progress', output: [], ...extra },
  }),
  done: (id: string, output: object[] = [], status = 'completed') => ({
    type: 'response.done',
    event_id: `d_${id}`,
    response: { object: 'realtime.response', id, status, output },
  }),
  call: (callId: string, name: string, args = '{}', status = 'completed') => ({ id: `item_${callId}`, type: 'function_call', status, name, call_id: callId, arguments: args }),
  message: (id: string, text = 'hello') => ({ id, type: 'message', status: 'completed', role: 'assistant', content: [{ type: 'output_text', text }] }),
  itemAdded: (responseId: string, item: object) => ({ type: 'response.output_item.added', event_id: 'x', response_id: responseId, output_index: 0, item }),
  itemDone: (responseId: string, item: object) => ({ type: 'response.output_item.done', event_id: 'x', response_id: responseId, output_index: 0, item }),
  added: (item: object, previous: string | null = null) => ({ type: 'conversation.item.added', event_id: 'x', previous_item_id: previous, item }),
  error: (code: string, eventId: string | null = null) => ({
    type: 'error',
    event_id: 'x',
    error: { type: 'invalid_request_error', code, message: 'no', param: null, event_id: eventId },
  }),
}
