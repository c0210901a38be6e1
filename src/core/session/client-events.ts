// What each client event means for a live session, after policy has rebuilt or refused it.
import { CLIENT_RULES, judgeClientEvent } from '../policy/client-rules.js'
import { withToolsOf } from '../policy/client-tools.js'
import { arrayAt, objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { changeQuota, createWithinQuota, holdBehindQuota, ownTurns, quotaRequested } from './quota/gate.js'
import { overRate } from './rates.js'
import { refuse } from './refuse.js'
import { changeResponses, show } from './show.js'
import { note, type Turn, viewOf } from './state.js'
import { refreshRequested } from './token-refresh.js'
import { approvalGiven } from './tools/approval.js'
import { callsOf } from './tools/ledger.js'
import { cancelTools, clientAnswered } from './tools/run.js'
import { cancelFiller } from './tools/slow.js'

export function handleClientEvent(turn: Turn, event: RealtimeEvent): void {
  if (event.type === 'relay.token.refresh' && turn.s.profile.relayEvents) {
    refreshRequested(turn, event)
    return
  }
  if (event.type === 'relay.tool.approval' && turn.s.profile.relayEvents) {
    approvalGiven(turn, event)
    return
  }
  if (event.type === 'relay.quota.get' && turn.s.profile.relayEvents) {
    quotaRequested(turn, event)
    return
  }
  if (holdBehindQuota(turn, event)) return
  const verdict = judgeClientEvent(event, viewOf(turn.s))
  if (verdict.say === 'reject') {
    refuse(turn, verdict.error, stringAt(event, 'event_id'), Object.hasOwn(CLIENT_RULES, event.type) ? event.type : 'unknown')
    return
  }
  if (verdict.say !== 'replace') {
    note(turn, { note: 'event_dropped', side: 'client', why: 'policy' })
    return
  }
  const rebuilt = verdict.event
  const tooMuch = overRate(turn, rebuilt.type)
  if (tooMuch) {
    refuse(turn, tooMuch, stringAt(event, 'event_id'), event.type)
    return
  }
  if (rebuilt.type === 'session.update') adoptClientTools(turn, rebuilt)
  switch (rebuilt.type) {
    case 'response.create':
      clientCreates(turn, rebuilt)
      return
    case 'response.cancel':
      clientCancels(turn, rebuilt)
      return
    case 'conversation.item.create':
      clientAddsItem(turn, rebuilt)
      return
    case 'session.update':
      turn.actions.push({ do: 'send', to: 'upstream', event: ownTurns(turn, rebuilt, false) })
      return
    case 'input_audio_buffer.commit':
      changeQuota(turn, { ownCommits: turn.s.quota.ownCommits + 1 })
      turn.actions.push({ do: 'send', to: 'upstream', event: rebuilt })
      return
    default:
      turn.actions.push({ do: 'send', to: 'upstream', event: rebuilt })
  }
}

function clientCreates(turn: Turn, event: RealtimeEvent): void {
  const { active, owed, ours, swallowNext } = turn.s.responses
  changeResponses(turn, { rounds: 0 })
  if (swallowNext) {
    changeResponses(turn, { swallowNext: false })
    note(turn, { note: 'event_dropped', side: 'client', why: 'response_already_created' })
    return
  }
  const mixedAtWork = !active && [...owed].some(([id, one]) => one.mixed && callsOf(turn.s.calls, id).some((call) => call.status !== 'answered'))
  // A follow-up that the client cannot know of yet would have its own request refused.
  const unseen = ours !== undefined && !ours.awaited && (!active || active.held !== undefined)
  if (mixedAtWork || unseen) {
    changeResponses(turn, { absorbed: event })
    note(turn, { note: 'event_dropped', side: 'client', why: 'waits_for_tools' })
    return
  }
  cancelFiller(turn)
  createWithinQuota(turn, event)
}

/** Of a `session.update` as it goes upstream: calls of the tools beside the server's are the client's from now on. */
function adoptClientTools(turn: Turn, update: RealtimeEvent): void {
  if (turn.s.profile.clientTools) turn.s = { ...turn.s, profile: withToolsOf(turn.s.profile, arrayAt(objectAt(update, 'session'), 'tools')) }
}

/** With tools at work and no response active there is nothing upstream to cancel: the relay stops its own work instead. */
function clientCancels(turn: Turn, event: RealtimeEvent): void {
  const { active, owed, ours, shell, filler } = turn.s.responses
  cancelFiller(turn)
  if (filler && !active && !ours && owed.size === 0) return
  if (active || ours || owed.size === 0) {
    if (ours) changeResponses(turn, { absorbed: undefined })
    turn.actions.push({ do: 'send', to: 'upstream', event })
    return
  }
  cancelTools(turn)
  if (!shell) {
    turn.actions.push({ do: 'send', to: 'upstream', event })
    return
  }
  changeResponses(turn, { shell: undefined })
  show(turn, shell.created)
  const response = { ...objectAt(shell.done.event, 'response'), status: 'cancelled', status_details: { type: 'cancelled', reason: 'client_cancelled' } }
  show(turn, { event: { ...shell.done.event, response }, frame: undefined })
}

function clientAddsItem(turn: Turn, event: RealtimeEvent): void {
  turn.actions.push({ do: 'send', to: 'upstream', event })
  const item = objectAt(event, 'item')
  if (item?.type === 'function_call_output') {
    const callId = stringAt(item, 'call_id') ?? ''
    const { ours } = turn.s.responses
    // Not one of those that our follow-up answers: the client's create will be for this one.
    if (ours && !ours.covers.includes(turn.s.calls.client.get(callId)?.responseId ?? '')) changeResponses(turn, { swallowNext: false })
    clientAnswered(turn, callId)
  } else changeResponses(turn, { rounds: 0, swallowNext: false })
}
