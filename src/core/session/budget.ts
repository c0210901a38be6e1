// What the passing of time ends: configuring, the token, the session, idleness, and a drain.

import { close, publicEventId, type SessionState, type Turn } from './state.js'
import { noticeExpiry } from './token-refresh.js'
import { lapseApprovals } from './tools/approval.js'
import { firstAskedAt, hasUnanswered } from './tools/ledger.js'
import { slowToolsDueAt, tickSlowTools } from './tools/slow.js'

/** The earliest time at which a tick does more than move the clock; ticks before it may be left out. */
export function dueAt(state: SessionState): number {
  const { phase, profile, openedAt, token, lastActive, drainUntil, calls } = state
  const { limits } = profile
  const opening = phase === 'connecting' || phase === 'configuring' ? openedAt + limits.configureTimeoutMs : Number.POSITIVE_INFINITY
  const notice = (profile.relayEvents ? token.noticeAt : undefined) ?? Number.POSITIVE_INFINITY
  const lapse = firstAskedAt(calls) + limits.toolApprovalMs
  return Math.min(
    opening,
    notice,
    lapse,
    slowToolsDueAt(state),
    token.expiresAt,
    openedAt + limits.maxSessionMs,
    lastActive + limits.idleTimeoutMs,
    drainUntil ?? Number.POSITIVE_INFINITY,
  )
}

export function tick(turn: Turn, now: number, clientActiveAt: number): void {
  const working = turn.s.responses.active !== undefined || hasUnanswered(turn.s.calls)
  turn.s = { ...turn.s, now, lastActive: working ? now : Math.max(turn.s.lastActive, clientActiveAt) }
  const { phase, profile, openedAt, token, lastActive } = turn.s
  const { limits } = profile
  if (phase === 'closed') return
  if ((phase === 'connecting' || phase === 'configuring') && now - openedAt >= limits.configureTimeoutMs) close(turn, 'upstream_timeout', `still_${phase}`)
  else if (now >= token.expiresAt) close(turn, 'unauthenticated', 'token_expired')
  else if (now - openedAt >= limits.maxSessionMs) close(turn, 'session_over', 'maximum_length')
  else if (now - lastActive >= limits.idleTimeoutMs) close(turn, 'idle', 'idle')
  else {
    if (phase === 'live' || phase === 'draining') {
      noticeExpiry(turn)
      lapseApprovals(turn)
      tickSlowTools(turn)
    }
    closeWhenDrained(turn)
  }
}

export function drain(turn: Turn, untilMs: number): void {
  if (turn.s.phase === 'closed' || turn.s.phase === 'draining') return
  const live = turn.s.phase === 'live'
  turn.s = { ...turn.s, phase: live ? 'draining' : turn.s.phase, drainUntil: untilMs }
  if (!live) {
    close(turn, 'draining', 'not_live_yet')
    return
  }
  if (turn.s.profile.relayEvents) turn.actions.push({ do: 'send', to: 'client', event: { type: 'relay.draining', event_id: publicEventId(turn) } })
  closeWhenDrained(turn)
}

/** A running answer, its tools and its follow-up finish first, until the deadline. */
export function closeWhenDrained(turn: Turn): void {
  const { phase, drainUntil, now, responses, calls, quota } = turn.s
  if (phase !== 'draining' || drainUntil === undefined) return
  const working = responses.active || responses.ours || responses.clients || quota.waiting || responses.owed.size > 0 || hasUnanswered(calls)
  if (!working || now >= drainUntil) close(turn, 'draining', working ? 'drain_deadline' : 'drained')
}
