// Decides when our own `response.create` for tool results may go: once for all of them, never while another response is active.
import { objectAt } from '../../protocol/events.js'
import { createWithinQuota } from '../quota/gate.js'
import { changeResponses, show } from '../show.js'
import { relayId, type Turn } from '../state.js'
import { callsOf, hasOpenClientCalls } from '../tools/ledger.js'

/** Sends the one `response.create` owed for tool results, if its time has come; with nothing owed, the client's that waited for that. */
export function followUp(turn: Turn): void {
  const { active, ours, clients, filler, owed, absorbed, shell, rounds, userSpeaks } = turn.s.responses
  if (active || ours || clients || filler) return
  if (turn.s.phase !== 'live' && turn.s.phase !== 'draining') return
  if (owed.size === 0) {
    // What waits for its quota answers the client too, and then this is asked again.
    if (!absorbed || turn.s.quota.waiting !== undefined) return
    changeResponses(turn, { absorbed: undefined })
    createWithinQuota(turn, absorbed)
    return
  }
  if (userSpeaks && [...owed.values()].every((one) => one.late)) return
  for (const responseId of owed.keys()) {
    if (callsOf(turn.s.calls, responseId).some((call) => call.status !== 'answered') || hasOpenClientCalls(turn.s.calls, responseId)) return
  }
  const mixed = [...owed.values()].some((one) => one.mixed)
  const request = absorbed ? objectAt(absorbed, 'response') : [...owed.values()].at(-1)?.request
  const eventId = relayId(turn)
  // At the limit the model still answers, without tools, so that a loop ends in words and not in silence.
  const response = { ...request, ...(rounds >= turn.s.profile.limits.toolMaxRounds ? { tool_choice: 'none' } : {}) }
  changeResponses(turn, {
    ours: { eventId, request, covers: [...owed.keys()], awaited: shell !== undefined || absorbed !== undefined },
    absorbed: undefined,
    swallowNext: mixed && !absorbed,
    rounds: rounds + 1,
  })
  turn.actions.push({ do: 'send', to: 'upstream', event: { type: 'response.create', event_id: eventId, ...(Object.keys(response).length > 0 ? { response } : {}) } })
}

/** Our follow-up was refused. While another response is active it stays owed, unless that one began with the results in view. */
export function followUpRefused(turn: Turn, code: string): void {
  const { active, shell } = turn.s.responses
  const covered = active?.coversOutputs === true
  changeResponses(turn, { ours: undefined })
  if (code === 'conversation_already_has_active_response' && !covered) {
    followUp(turn)
    return
  }
  changeResponses(turn, { owed: new Map(), shell: undefined, swallowNext: false })
  if (!covered && shell) {
    // The client asked for an answer and none will come: it sees the response that only called tools, empty, rather than nothing.
    show(turn, shell.created)
    show(turn, shell.done)
  }
  followUp(turn)
}

/** The response taken for the answer of our follow-up was another: that one was refused. What it was for is owed again, unless the active one began with it in view. */
export function doubtConfirmed(turn: Turn, code: string): void {
  const { active, owed, doubted } = turn.s.responses
  changeResponses(turn, { doubted: undefined })
  if (code !== 'conversation_already_has_active_response' || active?.coversOutputs || !doubted) return
  changeResponses(turn, { owed: new Map([...doubted.owed, ...owed]) })
  followUp(turn)
}
