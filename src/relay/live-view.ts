// What operators see of the sessions of this process while they watch: what each does, for how long, and what it used. Nothing that was said.
import { isAway } from '../core/session/resume-state.js'
import type { SessionState } from '../core/session/state.js'
import type { UpstreamHistory } from '../ports/directory.js'
import type { LivePart, LiveSession, TurnState } from '../ports/live.js'
import type { NewSession } from '../ports/session.js'
import type { Leg } from './leg.js'

/** Of a session, what its row is made of. */
export interface SeenSession {
  readonly opened: Pick<NewSession, 'sessionId' | 'identity' | 'profile' | 'dialect'>
  readonly state: SessionState
  readonly deployment: string
  readonly client: Pick<Leg, 'link' | 'heldCount'>
  opposite(side: 'client'): Pick<Leg, 'link' | 'heldCount'> | undefined
  readonly ledger: { readonly booked: Readonly<Record<string, number>> }
  readonly listing: { readonly since: number | undefined; readonly history: UpstreamHistory }
  readonly lane: { readonly turns: { readonly firstAudioMs: number | undefined } }
}

export type SessionsSeen = Pick<LivePart, 'sessions' | 'turns' | 'inputTokens' | 'outputTokens' | 'money' | 'listed'>

/** Somebody waits, and for these it is worth to know for how long. */
const WAITS: ReadonlySet<TurnState> = new Set(['restoring', 'connecting', 'waiting', 'tool'])

/** What it does now, and since when if the session itself knows. */
export function turnOf(state: SessionState): { readonly turn: TurnState; readonly since: number | undefined } {
  const { upstream, restore, responses, calls } = state
  if (isAway(state)) return { turn: 'away', since: undefined }
  if (restore) return { turn: 'restoring', since: restore.since }
  if (upstream.phase !== 'ready') return upstream.phase === 'lost' ? { turn: 'restoring', since: undefined } : { turn: 'connecting', since: state.openedAt }
  if (responses.userSpeaks) return { turn: 'listening', since: undefined }
  let toolSince = Number.POSITIVE_INFINITY
  for (const call of calls.server.values()) if (call.status === 'running') toolSince = Math.min(toolSince, call.startedAt)
  if (toolSince < Number.POSITIVE_INFINITY) return { turn: 'tool', since: toolSince }
  if (responses.active) return { turn: 'answering', since: undefined }
  if (responses.clientRequest || responses.ourRequest || responses.turnSince !== undefined) return { turn: 'waiting', since: responses.turnSince }
  return { turn: 'idle', since: undefined }
}

/**
 * `clock`: of the sessions. What a session does not know the beginning of counts from when it was first seen so. `wall`: epoch milliseconds.
 */
export function createLiveView(all: () => Iterable<SeenSession>, clock: () => number, wall: () => number): (most: number) => SessionsSeen {
  let seen = new WeakMap<SeenSession, { readonly turn: TurnState; readonly since: number }>()
  let lookedAt = Number.NEGATIVE_INFINITY

  return (most) => {
    const now = clock()
    // Nobody looked for a while: what was seen then says nothing about now.
    if (now - lookedAt > FORGET_MS) seen = new WeakMap()
    lookedAt = now
    const ahead = wall() - now
    const sums = { sessions: 0, inputTokens: 0, outputTokens: 0 }
    let money: number | undefined
    const turns: Partial<Record<TurnState, number>> = {}
    const rows: LiveSession[] = []
    for (const session of all()) {
      const { turn, since } = turnOf(session.state)
      const before = seen.get(session)
      const known = before?.turn === turn ? before : { turn, since: now }
      if (known !== before) seen.set(session, known)
      const row = rowOf(session, turn, (since ?? known.since) + ahead, session.state.openedAt + ahead)
      sums.sessions++
      sums.inputTokens += row.inputTokens
      sums.outputTokens += row.outputTokens
      if (row.money !== undefined) money = (money ?? 0) + row.money
      turns[turn] = (turns[turn] ?? 0) + 1
      rows.push(row)
    }
    return { ...sums, turns, ...(money !== undefined && { money }), listed: rows.sort(byWait).slice(0, most) }
  }
}

const FORGET_MS = 10_000

/** Those that somebody waits for first, the longest wait first; then the oldest. */
function byWait(a: LiveSession, b: LiveSession): number {
  const [aWaits, bWaits] = [WAITS.has(a.turn), WAITS.has(b.turn)]
  if (aWaits !== bWaits) return aWaits ? -1 : 1
  return aWaits ? a.turnSince - b.turnSince : a.since - b.since
}

function rowOf(session: SeenSession, turn: TurnState, turnSince: number, openedAt: number): LiveSession {
  const { opened, client, listing } = session
  const { booked } = session.ledger
  const upstream = session.opposite('client')
  const { legs, losses } = listing.history
  const money = moneyOf(booked)
  const { firstAudioMs } = session.lane.turns
  return {
    id: opened.sessionId,
    subject: opened.identity.subject,
    profile: opened.profile.name,
    dialect: opened.dialect,
    deployment: session.deployment,
    since: Math.round(listing.since ?? openedAt),
    turn,
    turnSince: Math.round(turnSince),
    legs,
    losses,
    responses: booked.responses ?? 0,
    inputTokens: booked.input_tokens ?? 0,
    outputTokens: booked.output_tokens ?? 0,
    ...(money !== undefined && { money }),
    backlogBytes: client.link.bufferedBytes + (upstream?.link.bufferedBytes ?? 0),
    heldMessages: client.heldCount + (upstream?.heldCount ?? 0),
    ...(firstAudioMs !== undefined && { firstAudioMs: Math.round(firstAudioMs) }),
  }
}

/** There is one price table, and so one currency. */
function moneyOf(booked: Readonly<Record<string, number>>): number | undefined {
  for (const name in booked) if (name.startsWith('cost_')) return booked[name]
  return undefined
}
