// Asks an opted-in client whether a call may run, and takes one answer in time, for that call and its arguments; anything else means no.
import { type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { refuse } from '../refuse.js'
import { followUp } from '../responses/follow-up.js'
import type { Turn } from '../state.js'
import { changeServerCall, type ServerCall } from './ledger.js'
import { noticeFinished } from './notices.js'
import { handOver, NOT_APPROVED, startCalls } from './run.js'

const TYPE = 'relay.tool.approval'

/** The id is of one asking only, so an answer cannot meet another call, or the same call with other arguments. */
export function approvalGiven(turn: Turn, event: RealtimeEvent): void {
  const eventId = stringAt(event, 'event_id')
  const id = stringAt(event, 'id')
  const call = id === undefined ? undefined : asked(turn).find((one) => one.shownId === id)
  if (!call) {
    refuse(turn, { code: 'bad_event', param: 'id', message: 'No approval is asked for under this id.' }, eventId, TYPE)
    return
  }
  if (typeof event.approve !== 'boolean') {
    refuse(turn, { code: 'bad_event', param: 'approve', message: "'approve' must be true or false." }, eventId, TYPE)
    return
  }
  if (event.approve) turn.s = { ...turn.s, calls: changeServerCall(turn.s.calls, call.callId, { status: 'waiting', approved: true }) }
  else deny(turn, call)
  startCalls(turn)
  followUp(turn)
}

/** At every tick: who has not answered by now has said no. */
export function lapseApprovals(turn: Turn): void {
  const late = asked(turn).filter((call) => turn.s.now >= call.askedAt + turn.s.profile.limits.toolApprovalMs)
  if (late.length === 0) return
  for (const call of late) deny(turn, call)
  startCalls(turn)
  followUp(turn)
}

function asked({ s }: Turn): readonly ServerCall[] {
  return [...s.calls.server.values()].filter((call) => call.status === 'asking')
}

function deny(turn: Turn, call: ServerCall): void {
  noticeFinished(turn, call, false, 0)
  handOver(turn, call.callId, NOT_APPROVED)
}
