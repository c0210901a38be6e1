// Runs a recorded session through core under one configuration: what was decided at each of its events, at the times of the recording.
import type { GuardSide, GuardVerdict } from '../policy/guards.js'
import type { SessionProfile } from '../policy/profile.js'
import { CLIENT_LIMITS, decodeEvent, encodeEvent, problemText } from '../protocol/codec.js'
import type { DialectName } from '../protocol/dialect.js'
import { dialectFor } from '../protocol/dialects.js'
import { objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import type { Action } from '../session/actions.js'
import { dueAt } from '../session/budget.js'
import type { Input } from '../session/inputs.js'
import { defaultMedia } from '../session/media.js'
import { openingState, type SessionState } from '../session/state.js'
import { step } from '../session/step.js'
import { type Decision, decisionOf } from './decisions.js'
import { createHeld } from './held.js'
import { createPlayer } from './player.js'
import { createUsed, reservation } from './quota.js'
import type { RecordedEvent } from './recorded.js'
import { createService, isReplaced } from './service.js'

/** What was decided at one line of the recording; line 0 is the opening. */
export interface Decided {
  readonly line: number
  readonly decisions: readonly Decision[]
}

/** What a guard of this name says of a text, at once. */
export type AskGuard = (guard: string, side: GuardSide, text: string) => GuardVerdict

const PASS: AskGuard = () => ({ type: 'pass' })

/** The same in every run, so that two can be compared. */
export const RELAY_IDS = 'relay_replayed_'
/** As the relay looks at what is due. */
const TICK_MS = 250
/** What one input may bring about at once. */
const MOST_INPUTS = 1000

/** Never dials: the upstream is lost to nothing, tools have the results of the recording, and a quota has only this session's use. */
export function decide(recorded: readonly RecordedEvent[], dialect: DialectName, profile: SessionProfile, requestedModel: string | undefined, askGuard = PASS): readonly Decided[] {
  const client = dialectFor(dialect)
  const server = dialectFor(dialect)
  const inGa = recorded.map((one) => ({ ...one, events: (one.from === 'client' ? client : server).toGa(one.event) }))
  const created = inGa.flatMap(({ from, events }) => (from === 'server' ? events.filter((event) => event.type === 'session.created') : []))[0]
  const outputs = outputsIn(inGa.flatMap(({ from, events }) => (from === 'client' ? events : [])))
  const run = createRun(withoutLosses(profile), requestedModel, recorded[0]?.at ?? 0, created, outputs, askGuard)
  const decided: Decided[] = [{ line: 0, decisions: run.open() }]
  for (const { line, at, from, events } of inGa) decided.push({ line, decisions: run.handle(at, from, events) })
  return decided
}

/** Other upstreams and clients that come back are no matter of one recording. */
function withoutLosses(profile: SessionProfile): SessionProfile {
  return { ...profile, limits: { ...profile.limits, reconnectMs: 0, upstreamSessionMs: 0, resumeMs: 0 } }
}

function outputsIn(events: readonly RealtimeEvent[]): ReadonlyMap<string, string> {
  const outputs = new Map<string, string>()
  for (const event of events) {
    const { callId, output } = outputOf(event)
    if (callId !== undefined) outputs.set(callId, output)
  }
  return outputs
}

function outputOf(event: RealtimeEvent): { readonly callId: string | undefined; readonly output: string } {
  const item = event.type === 'conversation.item.create' ? objectAt(event, 'item') : undefined
  return { callId: item?.type === 'function_call_output' ? stringAt(item, 'call_id') : undefined, output: stringAt(item, 'output') ?? '' }
}

function createRun(
  profile: SessionProfile,
  requestedModel: string | undefined,
  startsAt: number,
  created: RealtimeEvent | undefined,
  outputs: ReadonlyMap<string, string>,
  askGuard: AskGuard,
) {
  const caller = { subject: 'replayed', issuer: undefined }
  let state: SessionState = openingState({ profile, relayIdPrefix: RELAY_IDS, requestedModel, now: startsAt, caller, expiresAt: Number.POSITIVE_INFINITY })
  let now = startsAt
  let clientActiveAt = startsAt
  let media = defaultMedia
  let heardBytes = 0
  let asksItself = false
  let cause: Decision['cause'] = 'event'
  let asked: RealtimeEvent | undefined
  let decisions: Decision[] = []
  let queue: Input[] = []
  /** Calls that the relay runs here, with the time of their start. */
  const running = new Map<string, number>()
  /** Of those that did not begin yet: their results are known already. */
  const early = new Set<string>()
  const player = createPlayer()
  const held = createHeld((event) => player.sends(event, now, media.outputBytesPerSecond))
  const used = createUsed()
  const service = createService(created)

  function feed(input: Input): void {
    queue.push(input)
    for (let count = 0; count < MOST_INPUTS; count++) {
      const next = queue.shift()
      if (!next) return
      const heard = { totalMs: (heardBytes * 1000) / media.inputBytesPerSecond, keptFromMs: Number.POSITIVE_INFINITY }
      const [after, actions] = step(state, next, now, heard, player)
      state = after
      for (const action of actions) perform(action)
    }
    queue = []
  }

  function perform(action: Action): void {
    const decision = decisionOf(action, asked)
    const decided = decision && { at: now, cause, ...decision }
    if (decided) decisions.push(decided)
    switch (action.type) {
      case 'send':
        if (action.to === 'client') return held.send(action.event, action.gate, decided && { decision: decided, of: decisions })
        if (action.event.type === 'input_audio_buffer.append') heardBytes += Math.floor(((stringAt(action.event, 'audio')?.length ?? 0) * 3) / 4)
        for (const event of service.answers(action.event, state)) queue.push(upstreamEvent(event))
        return
      case 'output.release':
        return held.release(action.responseId, action.mark)
      case 'output.drop':
        return held.drop(action.responseId)
      case 'dial':
        queue.push({ type: 'upstream.opened', leg: action.leg, privateWords: [] }, { type: 'upstream.event', leg: action.leg, event: service.created, frame: undefined })
        return
      case 'tool.start':
        if (early.has(action.callId)) queue.push(finished(action.callId, now))
        else running.set(action.callId, now)
        return
      case 'playback.clear':
        return player.clear(now)
      case 'playback.drop':
        return player.drops(action.event)
      case 'media':
        media = action.media
        return
      case 'record.usage':
        return used.add(action.usage, now)
      case 'quota.reserve':
        queue.push({ type: 'quota.reserved', answer: profile.quota && reservation(profile.quota, usage()) })
        return
      case 'quota.ask':
        queue.push({ type: 'quota.left', usage: usage(), cause: action.cause })
        return
      case 'guard.check':
        queue.push({ type: 'guard.verdict', id: action.id, verdict: askGuard(action.guard, action.side, action.text) })
        return
      case 'token.verify':
        queue.push({ type: 'token.verified', outcome: { ok: true, caller, expiresAt: Number.POSITIVE_INFINITY, tokenId: undefined } })
        return
      case 'phone.transfer':
        queue.push({ type: 'phone.transferred', callId: action.callId, ok: true })
        return
      default:
    }
  }

  const usage = () => used.usage(now, { heard: heardBytes / media.inputBytesPerSecond, spoken: player.sentBytes() / media.outputBytesPerSecond })
  const finished = (callId: string, since: number): Input => ({ type: 'tool.finished', callId, output: outputs.get(callId) ?? '', ok: true, durationMs: now - since })
  const upstreamEvent = (event: RealtimeEvent): Input => ({ type: 'upstream.event', leg: state.upstream.leg, event, frame: undefined })

  function wait(until: number): void {
    cause = 'waiting'
    asked = undefined
    for (let due = dueAt(state); due <= until && state.life !== 'closed'; due = Math.max(dueAt(state), now + TICK_MS)) {
      now = Math.max(now, due)
      feed({ type: 'tick', clientActiveAt, unheardMs: player.unheardMs(now) })
    }
    now = Math.max(now, until)
    cause = 'event'
  }

  function clientEvent(event: RealtimeEvent): void {
    const { callId } = outputOf(event)
    if (callId !== undefined && state.calls.server.has(callId)) {
      asksItself = true
      const since = running.get(callId)
      if (since === undefined) return void early.add(callId)
      running.delete(callId)
      return feed(finished(callId, since))
    }
    // The relay asks for the answer to results of its own tools.
    if (event.type === 'response.create' && asksItself) {
      asksItself = false
      return
    }
    const read = decodeEvent(Buffer.from(encodeEvent(event)), CLIENT_LIMITS)
    feed(read.ok ? { type: 'client.event', event: read.event } : { type: 'frame.refused', code: 'bad_event', message: problemText(read.problem) })
  }

  function serverEvent(event: RealtimeEvent): void {
    if (event.type === 'response.created') asksItself = false
    if (!isReplaced(event, (callId) => state.calls.server.has(callId))) feed(upstreamEvent(event))
  }

  function taken(): readonly Decision[] {
    const all = decisions
    decisions = []
    return all
  }

  return {
    open(): readonly Decision[] {
      feed({ type: 'client.attached' })
      return taken()
    },
    handle(at: number, from: 'client' | 'server', events: readonly RealtimeEvent[]): readonly Decision[] {
      wait(at)
      if (from === 'client') clientActiveAt = now
      for (const event of events) {
        asked = event
        if (from === 'client') clientEvent(event)
        else serverEvent(event)
      }
      return taken()
    },
  }
}
