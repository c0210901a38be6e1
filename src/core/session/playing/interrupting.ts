// Decides when an answer is interrupted, and what follows of it: the client's playback is cleared, and each item is truncated where it was heard.
import { objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { remembered } from '../conversation.js'
import type { Input } from '../inputs.js'
import { itemsOf } from '../kept-items.js'
import { isFree } from '../responses/floor.js'
import { truncatedByRelay } from '../restore/truncating.js'
import { isReady, publicEventId, relayId, type SessionState, type Step } from '../state.js'
import type { Part } from './ledger.js'
import { interruptsItself, type PlayingState, partKey, playingWith, relayTruncates } from './state.js'

/** Later truncates of the client are about one of the last answers. */
const MOST_TRUNCATED = 32

/** After every input, of a session whose profile has `interruption`. */
export function followPlaying(step: Step, before: SessionState, input: Input): void {
  const { playing } = step.state
  if (!isReady(step.state)) {
    // The next upstream knows nothing of this response, nor of this speech.
    if (playing.speechAt !== undefined || playing.discarded !== undefined) change(step, { speechAt: undefined, dueAt: undefined, discarded: undefined })
    return
  }
  if (input.type === 'upstream.event' && input.leg === before.upstream.leg && isReady(before)) follow(step, before, input.event)
  if (step.state.playing.speechAt !== undefined) interruptWhenDue(step)
}

function follow(step: Step, before: SessionState, event: RealtimeEvent): void {
  switch (event.type) {
    case 'input_audio_buffer.speech_started':
      return speechStarted(step)
    case 'input_audio_buffer.speech_stopped':
    case 'input_audio_buffer.committed':
    case 'input_audio_buffer.cleared':
      if (step.state.playing.speechAt !== undefined) change(step, { speechAt: undefined, dueAt: undefined })
      return
    case 'response.done':
      return responseOver(step, before, event)
    default:
      return
  }
}

function speechStarted(step: Step): void {
  const { profile, playing } = step.state
  if (!playing.interrupts || profile.interruption?.bargeIn !== 'allow') return
  if (!interruptsItself(step.state)) return interrupt(step, false)
  const { active, ourRequest } = step.state.responses
  if (active || ourRequest || step.playing.unheard(step.now).length > 0) change(step, { speechAt: step.now, dueAt: undefined })
}

function responseOver(step: Step, before: SessionState, event: RealtimeEvent): void {
  const response = objectAt(event, 'response')
  const id = stringAt(response, 'id')
  const { discarded } = step.state.playing
  const wasInterrupted = stringAt(objectAt(response, 'status_details'), 'reason') === 'turn_detected'
  if (id === discarded) {
    change(step, { discarded: undefined })
    // Items that came too late to be heard at all, and audio behind what had been heard to its end.
    truncate(
      step,
      step.playing.unheard(step.now).filter(({ responseId }) => responseId === id),
    )
  } else if (wasInterrupted && id === before.responses.active?.id) {
    interrupt(step, false)
  }
}

/** Speech that has lasted long enough interrupts what has been played long enough. What nobody has begun to hear is not protected. */
function interruptWhenDue(step: Step): void {
  const { playing, responses, profile } = step.state
  const { now } = step
  if (playing.speechAt === undefined || (playing.dueAt !== undefined && now < playing.dueAt)) return
  const { protectMs = 0, minSpeechMs = 0 } = profile.interruption ?? {}
  const isPlaying = step.playing.unheard(now).length > 0
  // A time that has passed would make every frame a tick.
  if (!responses.active && !isPlaying) return playing.dueAt === undefined ? undefined : change(step, { dueAt: undefined })
  const open = isPlaying ? now + Math.max(0, Math.ceil(protectMs - step.playing.playedMs(now))) : now
  // Only a silence tells that speech was shorter.
  const lasted = minSpeechMs > 0 ? playing.speechAt + minSpeechMs + playing.silenceMs : playing.speechAt
  const due = Math.max(lasted, open)
  if (now < due) return change(step, { dueAt: due })
  change(step, { speechAt: undefined, dueAt: undefined })
  interrupt(step, true)
}

/** `cancels`: the response itself, which nobody else ends. */
function interrupt(step: Step, cancels: boolean): void {
  const { active } = step.state.responses
  if (cancels && active) step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.cancel', event_id: relayId(step), response_id: active.id } })
  if (!relayTruncates(step.state)) return
  const parts = step.playing.unheard(step.now)
  if (!active && parts.length === 0) return
  if (active) change(step, { discarded: active.id })
  step.actions.push({ type: 'playback.clear' })
  truncate(step, parts)
}

/** Nothing more of this answer is to be heard. What is played of others goes on. Returns the items that were truncated where they were heard. */
export function stopAnswer(step: Step, responseId: string): readonly string[] {
  const unheard = step.playing.unheard(step.now)
  const parts = unheard.filter((part) => part.responseId === responseId)
  if (parts.length === 0) return []
  if (parts.length === unheard.length) step.actions.push({ type: 'playback.clear' })
  if (!relayTruncates(step.state)) return []
  truncate(step, parts)
  return parts.map(({ itemId }) => itemId)
}

/** True: the client cancels what is only played on, and the relay has stopped it. The service has nothing to cancel any more, and would say so. */
export function stopsPlayback(step: Step, event: RealtimeEvent): boolean {
  const { responses } = step.state
  if (!relayTruncates(step.state) || !isFree(responses) || responses.unanswered.size > 0) return false
  const named = stringAt(event, 'response_id')
  if (!step.playing.unheard(step.now).some(({ responseId }) => named === undefined || responseId === named)) return false
  interrupt(step, false)
  return true
}

/** The client cancels a response. Nothing of it is to be played on. */
export function cancelledByClient(step: Step, event: RealtimeEvent): void {
  if (!relayTruncates(step.state)) return
  const named = stringAt(event, 'response_id')
  if (named === undefined || named === step.state.responses.active?.id) interrupt(step, false)
}

/** On a WebSocket nobody but the relay knows what is played: it stops the answer, and says so as the service does in a call. */
export function clearedByClient(step: Step): void {
  const { active } = step.state.responses
  const [first] = step.playing.unheard(step.now)
  const stopped = first?.responseId ?? active?.id
  interrupt(step, true)
  if (stopped !== undefined) step.actions.push({ type: 'send', to: 'client', event: { type: 'output_audio_buffer.cleared', event_id: publicEventId(step), response_id: stopped } })
}

/** True: the relay has truncated this part already, no later than the client wants it, and has answered. The service would refuse. */
export function alreadyTruncated(step: Step, event: RealtimeEvent): boolean {
  if (!relayTruncates(step.state)) return false
  const { item_id, content_index, audio_end_ms } = event
  const at = step.state.playing.truncated.get(partKey(String(item_id), Number(content_index)))
  if (at === undefined || typeof audio_end_ms !== 'number' || audio_end_ms < at) return false
  const told = { type: 'conversation.item.truncated', event_id: publicEventId(step), item_id: item_id ?? null, content_index: content_index ?? 0, audio_end_ms: at }
  step.actions.push({ type: 'send', to: 'client', event: told })
  return true
}

/** Where the relay truncates, the client's own is taken as well, also if it means a little more than there is. */
export function withinSent(step: Step, event: RealtimeEvent): RealtimeEvent {
  if (!relayTruncates(step.state)) return event
  const { item_id, content_index, audio_end_ms: wanted } = event
  const sent = step.playing.sentMs?.(String(item_id), Number(content_index))
  return sent !== undefined && typeof wanted === 'number' && wanted > sent ? { ...event, audio_end_ms: sent } : event
}

/** The client has stopped at this part: it knows better than a clock. Nothing behind it was heard. */
export function truncatedByClient(step: Step, event: RealtimeEvent): void {
  if (!step.state.profile.interruption) return
  if (relayTruncates(step.state)) noteTruncated(step, partKey(String(event.item_id), Number(event.content_index)), Number(event.audio_end_ms))
  const parts = step.playing.unheard(step.now)
  const at = parts.findIndex(({ itemId, contentIndex }) => itemId === event.item_id && contentIndex === event.content_index)
  if (at < 0) return
  step.actions.push({ type: 'playback.clear' })
  if (relayTruncates(step.state))
    truncate(
      step,
      parts.slice(at + 1).map((part) => ({ ...part, heardMs: 0 })),
    )
}

function truncate(step: Step, parts: readonly Part[]): void {
  for (const part of parts) truncatePart(step, part)
}

/** A line beside the conversation, such as the one said while a tool takes long, is no item that could be truncated. */
function truncatePart(step: Step, { itemId, contentIndex, heardMs }: Part): void {
  const { conversation, playing, profile } = step.state
  const key = partKey(itemId, contentIndex)
  const isOfModel = itemsOf(conversation).some(({ id, role }) => id === itemId && role === 'assistant')
  if (!isOfModel || playing.truncated.has(key)) return
  noteTruncated(step, key, heardMs)
  const event = { type: 'conversation.item.truncate', event_id: relayId(step), item_id: itemId, content_index: contentIndex, audio_end_ms: heardMs }
  if (!truncatedByRelay(step, event)) {
    step.actions.push({ type: 'send', to: 'upstream', event })
    // A next upstream is told what was heard, also if this one does not live to say so.
    const now = remembered(step.state.conversation, { type: 'conversation.item.truncated', item_id: itemId, audio_end_ms: heardMs })
    if (now !== step.state.conversation) step.set({ conversation: now })
  }
  step.actions.push({ type: 'moment', what: 'truncated' })
  if (profile.relayEvents)
    step.actions.push({ type: 'send', to: 'client', event: { type: 'relay.interrupted', event_id: publicEventId(step), item_id: itemId, heard_ms: heardMs } })
}

function noteTruncated(step: Step, key: string, ms: number): void {
  change(step, { truncated: new Map([...step.state.playing.truncated, [key, ms] as const].slice(-MOST_TRUNCATED)) })
}

function change(step: Step, changes: Partial<PlayingState>): void {
  step.set({ playing: playingWith(step.state.playing, changes) })
}
