// Makes what a restored upstream says into what the client knows: echoes of the replay are no news, and things keep the ids they were shown under.
import { objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { hideItem, isHidden } from '../items.js'
import type { UpstreamEvent } from '../responses/state.js'
import type { Step } from '../state.js'
import { sendToClient } from '../to-client.js'
import { withAliases } from './aliases.js'
import { onClientsClock } from './hearing.js'
import { acknowledged } from './outbox.js'
import type { Restored } from './state.js'
import { observed, tidy } from './under-way.js'

/** Undefined: it is no news. */
export function asClientKnows(step: Step, received: UpstreamEvent): UpstreamEvent | undefined {
  beginUnderOldId(step, received.event)
  const event = onClientsClock(withAliases(received.event, step.state.restored.aliases), step.state.voice.clockMs)
  if (echoSeen(step, event)) return undefined
  const { upstream, responses } = step.state
  if (event.type === 'response.done' && upstream.rewrites && stringAt(objectAt(event, 'response'), 'id') === responses.active?.id) endRewriting(step)
  return event === received.event ? received : { event, frame: undefined }
}

/** True: an item of the replay is announced again. Its `done` goes to the client if that never came before. */
export function echoSeen(step: Step, event: RealtimeEvent): boolean {
  const { replayed, rewritten } = step.state.restored
  if (event.type === 'conversation.item.deleted') {
    const id = stringAt(event, 'item_id') ?? ''
    if (!rewritten.has(id)) return false
    change(step, { rewritten: new Set([...rewritten].filter((one) => one !== id)) })
    answerSent(step, event)
    return true
  }
  if (event.type === 'input_audio_buffer.committed') return step.state.restored.committed.has(stringAt(event, 'item_id') ?? '')
  if (event.type !== 'conversation.item.added' && event.type !== 'conversation.item.done') return false
  const id = stringAt(objectAt(event, 'item'), 'id') ?? ''
  if (!replayed.has(id)) return false
  answerSent(step, event)
  const previous = stringAt(event, 'previous_item_id')
  if (previous !== undefined && isHidden(step.state.items, id)) step.set({ items: hideItem(step.state.items, id, previous) })
  const { undone, responses } = step.state.underWay
  // Of an answer that is still open for the client, its closing tells that.
  const isOpen = responses.some(({ items }) => items.some((item) => item.id === id))
  if (event.type === 'conversation.item.done' && undone.includes(id) && (!isOpen || !step.state.restore)) {
    step.set({ underWay: observed(step.state.underWay, event, step.state.answersTurns) })
    sendToClient(step, { event, frame: undefined })
  }
  return true
}

function answerSent(step: Step, event: RealtimeEvent): void {
  const { underWay } = step.state
  const sent = acknowledged(underWay.sent, event)
  if (sent !== underWay.sent) step.set({ underWay: tidy(underWay, { ...underWay, sent }) })
}

/** What begins anew is shown under the id of what it stands for. */
function beginUnderOldId(step: Step, event: RealtimeEvent): void {
  const { expected, speech } = step.state.restored
  const response = objectAt(event, 'response')
  const { conversationId } = step.state
  const conversation = stringAt(response, 'conversation_id')
  if (conversationId !== undefined && conversation !== conversationId && event.type === 'response.created') alias(step, conversation, conversationId)
  if (event.type === 'response.created' && expected !== undefined) {
    const mark = objectAt(response, 'metadata')
    // The line that is said while a tool takes long is not what the client waits for.
    const isAside = mark !== undefined && Object.values(mark).some((value) => typeof value === 'string' && value.startsWith(step.state.relayIdPrefix))
    if (isAside) return
    alias(step, stringAt(response, 'id'), expected)
    // Audio of the response passes unread otherwise, and would have the upstream's id in it.
    step.set({ upstream: { ...step.state.upstream, rewrites: true } })
  } else if (event.type === 'input_audio_buffer.speech_started' && speech !== undefined) alias(step, stringAt(event, 'item_id'), speech)
}

export function alias(step: Step, upstreamId: string | undefined, clientId: string): void {
  if (upstreamId !== undefined) change(step, { aliases: new Map(step.state.restored.aliases).set(upstreamId, clientId) })
}

function endRewriting(step: Step): void {
  const { rewrites: _, ...upstream } = step.state.upstream
  step.set({ upstream })
}

function change(step: Step, what: Partial<Restored>): void {
  step.set({ restored: { ...step.state.restored, ...what } })
}
