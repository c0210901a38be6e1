// Asks an opted-in client whether a call may run, and takes one answer in time, for that call and its arguments; anything else means no.
import { type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { refuse } from '../refuse.js'
import { followUp } from '../responses/follow-up.js'
import type { Step } from '../state.js'
import { handOver } from './answer.js'
import { changeServerCall, type ServerCall } from './ledger.js'
import { noticeFinished } from './notices.js'
import { NOT_APPROVED, startCalls } from './run.js'

const TYPE = 'relay.tool.approval'

/** The id is of one asking only, so an answer cannot meet another call, or the same call with other arguments. */
export function approvalGiven(step: Step, event: RealtimeEvent): void {
  const eventId = stringAt(event, 'event_id')
  const id = stringAt(event, 'id')
  const call = id === undefined ? undefined : asked(step).find((one) => one.publicId === id)
  if (!call) {
    refuse(step, { code: 'bad_event', param: 'id', message: 'No approval is asked for under this id.' }, eventId, TYPE)
    return
  }
  if (typeof event.approve !== 'boolean') {
    refuse(step, { code: 'bad_event', param: 'approve', message: "'approve' must be true or false." }, eventId, TYPE)
    return
  }
  if (event.approve) step.set({ calls: changeServerCall(step.state.calls, call.callId, { status: 'waiting', approved: true }) })
  else deny(step, call)
  startCalls(step)
  followUp(step)
}

/** At every tick: who has not answered by now has said no. */
export function lapseApprovals(step: Step): void {
  const late = asked(step).filter((call) => step.now >= call.askedAt + step.state.profile.limits.toolApprovalMs)
  if (late.length === 0) return
  for (const call of late) deny(step, call)
  startCalls(step)
  followUp(step)
}

function asked({ state }: Step): readonly ServerCall[] {
  return [...state.calls.server.values()].filter((call) => call.status === 'asking')
}

function deny(step: Step, call: ServerCall): void {
  noticeFinished(step, call, false, 0)
  handOver(step, call.callId, NOT_APPROVED)
}
