// What a relay says of itself while operators watch, as the tests of its readers need it.
import type { LiveCounts, LivePart, LiveSession } from '../../src/ports/live.js'

export const SLOT = 180_000_000
export const NOW = SLOT * 10_000 + 5000

export function liveCounts(changes: Partial<LiveCounts> = {}): LiveCounts {
  return { slots: { slot: SLOT, opened: [0, 0, 0], closed: [0, 0, 0], answers: [0, 0, 0], problems: [0, 0, 0] }, causes: [], answers: {}, ...changes }
}

export function liveSession(changes: Partial<LiveSession> = {}): LiveSession {
  const ids = { id: 's-1', subject: 'alice', profile: 'default', dialect: 'ga', deployment: 'dep', since: NOW - 60_000, turn: 'idle' as const, turnSince: NOW - 1000 }
  return { ...ids, legs: 1, losses: 0, responses: 0, inputTokens: 0, outputTokens: 0, backlogBytes: 0, heldMessages: 0, ...changes }
}

export function livePart(changes: Partial<LivePart> = {}): LivePart {
  return {
    v: 1,
    version: '0.2.0',
    at: NOW,
    status: 'ok',
    checks: [],
    sessions: 0,
    mostSessions: 100,
    turns: {},
    inputTokens: 0,
    outputTokens: 0,
    counts: liveCounts(),
    upstreams: [{ name: 'west', deployment: 'dep', breaker: 'closed', freeFrom: 0, dials: { opened: 1 } }],
    listed: [],
    ...changes,
  }
}
