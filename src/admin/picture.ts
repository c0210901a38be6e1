// Makes one picture of what all relays say of themselves, and of the limits that they share.
import type { LiveCause, LivePart, LiveSession, LiveSlots, LiveUpstream, TurnState } from '../ports/live.js'
import type { FirstAudioShown, LimitShown, Picture, RelayShown, SessionShown, UpstreamShown } from '../ports/picture.js'
import type { LimitState } from '../ports/store.js'
import { troublesOf } from './troubles.js'

export const MOST_SHOWN = 1000
const SLOT_SECONDS = 10
/** Five minutes. */
const RECENT_SLOTS = 30
const MOST_CAUSES = 100

export interface PictureInput {
  readonly parts: ReadonlyMap<string, LivePart | undefined>
  readonly shared: boolean
  /** By deployment; undefined: the store does not answer. */
  readonly limits: ReadonlyMap<string, readonly LimitState[] | undefined>
  /** By deployment and name of the limit. */
  readonly history: (deployment: string, name: string) => readonly (readonly [number, number])[]
  readonly pseudonym: (subject: string) => string
  /** Epoch milliseconds. */
  readonly now: number
}

type Row = LiveSession & { readonly relay: string }

export function pictureOf(input: PictureInput): Picture {
  const { parts, shared, now } = input
  const known = [...parts].flatMap(([relay, part]) => (part ? [{ relay, part }] : []))
  const rows = known
    .flatMap(({ relay, part }) => part.listed.map((one): Row => ({ ...one, relay })))
    .sort(byWait)
    .slice(0, MOST_SHOWN)
  const slots = slotsOf(
    known.map(({ part }) => part.counts.slots),
    known.reduce((sum, { part }) => sum + part.sessions, 0),
  )
  const recent = (series: readonly number[]) => series.slice(-RECENT_SLOTS).reduce((sum, count) => sum + count, 0)
  const turns = addUp(known.map(({ part }) => part.turns)) as Partial<Record<TurnState, number>>
  const money = known.flatMap(({ part }) => (part.money === undefined ? [] : [part.money]))
  const upstreams = upstreamsOf(
    known.map(({ part }) => part.upstreams),
    rows,
    input,
  )
  const named = new Map(upstreams.map(({ deployment, name }) => [deployment, name]))
  const picture: Omit<Picture, 'troubles'> = {
    at: new Date(now).toISOString(),
    shared,
    calls: {
      now: known.reduce((sum, { part }) => sum + part.sessions, 0),
      most: known.reduce((sum, { part }) => sum + part.mostSessions, 0),
      turns,
      opened: recent(slots.opened),
      closed: recent(slots.closed),
    },
    answers: addUp(known.map(({ part }) => part.counts.answers)),
    firstAudio: firstAudioOf(rows),
    spent: {
      inputTokens: known.reduce((sum, { part }) => sum + part.inputTokens, 0),
      outputTokens: known.reduce((sum, { part }) => sum + part.outputTokens, 0),
      money: money.length > 0 ? money.reduce((sum, one) => sum + one, 0) : null,
      currency: known.find(({ part }) => part.currency !== undefined)?.part.currency ?? null,
    },
    slots: {
      seconds: SLOT_SECONDS,
      from: new Date((slots.slot - slots.opened.length + 1) * SLOT_SECONDS * 1000).toISOString(),
      calls: slots.calls,
      opened: slots.opened,
      answers: slots.answers,
      problems: slots.problems,
    },
    relays: [...parts].map(([relay, part]) => relayOf(relay, part)),
    upstreams,
    errors: causesOf(known.map(({ part }) => part.counts.causes)),
    sessions: rows.map((row) => sessionOf(row, named, input)),
  }
  return { ...picture, troubles: troublesOf(picture, now) }
}

/** Aligned by time: two relays may be a slot apart. The calls at the end of each slot follow from those of now. */
function slotsOf(all: readonly LiveSlots[], callsNow: number): LiveSlots & { readonly calls: readonly number[] } {
  const slot = Math.max(0, ...all.map((one) => one.slot))
  const length = Math.max(1, ...all.map((one) => one.opened.length))
  const sum = (series: 'opened' | 'closed' | 'answers' | 'problems') =>
    Array.from({ length }, (_, index) => {
      const wanted = slot - length + 1 + index
      return all.reduce((total, one) => total + (one[series][wanted - one.slot + one[series].length - 1] ?? 0), 0)
    })
  const [opened, closed, answers, problems] = [sum('opened'), sum('closed'), sum('answers'), sum('problems')]
  const calls: number[] = []
  let after = callsNow
  for (let index = length - 1; index >= 0; index--) {
    calls[index] = Math.max(0, after)
    after -= (opened[index] ?? 0) - (closed[index] ?? 0)
  }
  return { slot, opened, closed, answers, problems, calls }
}

function upstreamsOf(all: readonly (readonly LiveUpstream[])[], rows: readonly Row[], { limits, history, now }: PictureInput): readonly UpstreamShown[] {
  const names = [...new Set(all.flatMap((seen) => seen.map(({ name }) => name)))]
  return names.map((name) => {
    const seen = all.flatMap((upstreams) => upstreams.filter((one) => one.name === name))
    const deployment = seen[0]?.deployment ?? ''
    const own = rows.filter((row) => row.deployment === deployment)
    const freeFrom = Math.max(0, ...seen.map((one) => one.freeFrom))
    const latencies = seen.flatMap(({ latencyMs }) => (latencyMs === undefined ? [] : [latencyMs]))
    const breakers = { closed: 0, open: 0, half_open: 0 }
    for (const { breaker } of seen) if (Object.hasOwn(breakers, breaker)) breakers[breaker]++
    return {
      name,
      deployment,
      breakers,
      freeFrom: freeFrom > now ? new Date(freeFrom).toISOString() : null,
      latencyMs: latencies.length > 0 ? Math.round(Math.max(...latencies)) : null,
      dials: addUp(seen.map(({ dials }) => dials)),
      sessions: own.length,
      firstAudio: firstAudioOf(own),
      limits: limits.get(deployment)?.map((limit) => limitOf(limit, history(deployment, limit.name), now)) ?? null,
    }
  })
}

function limitOf({ name, remaining, limit, resetAt, source, at }: LimitState, history: LimitShown['history'], now: number): LimitShown {
  return {
    name,
    remaining: remaining ?? null,
    limit: limit ?? null,
    resetAt: resetAt === undefined ? null : new Date(resetAt).toISOString(),
    source,
    ageSeconds: Math.max(0, Math.round((now - at) / 1000)),
    history,
  }
}

function relayOf(relay: string, part: LivePart | undefined): RelayShown {
  if (!part) return { relay, status: 'silent', version: null, sessions: 0, mostSessions: 0, checks: [] }
  const { status, version, sessions, mostSessions, checks } = part
  return { relay, status, version, sessions, mostSessions, checks }
}

function sessionOf(row: Row, named: ReadonlyMap<string, string>, { pseudonym, now }: PictureInput): SessionShown {
  const { subject, deployment, since, turnSince, money, firstAudioMs, ...same } = row
  return {
    ...same,
    user: pseudonym(subject),
    upstream: named.get(deployment) ?? deployment,
    ageSeconds: Math.max(0, Math.round((now - since) / 1000)),
    turnSeconds: Math.max(0, Math.round((now - turnSince) / 1000)),
    money: money ?? null,
    firstAudioMs: firstAudioMs ?? null,
  }
}

function causesOf(all: readonly (readonly LiveCause[])[]): readonly LiveCause[] {
  const sums = new Map<string, LiveCause>()
  for (const { kind, cause, recent, total } of all.flat()) {
    const before = sums.get(`${kind} ${cause}`)
    sums.set(`${kind} ${cause}`, { kind, cause, recent: recent + (before?.recent ?? 0), total: total + (before?.total ?? 0) })
  }
  return [...sums.values()].sort((a, b) => b.recent - a.recent || b.total - a.total).slice(0, MOST_CAUSES)
}

/** By nearest rank. */
function firstAudioOf(rows: readonly Row[]): FirstAudioShown | null {
  const times = rows.flatMap(({ firstAudioMs }) => (firstAudioMs === undefined ? [] : [firstAudioMs])).sort((a, b) => a - b)
  const rank = (share: number) => times[Math.max(0, Math.ceil(times.length * share) - 1)] ?? 0
  return times.length === 0 ? null : { count: times.length, p50Ms: rank(0.5), p95Ms: rank(0.95) }
}

function addUp(all: readonly Readonly<Record<string, number | undefined>>[]): Record<string, number> {
  const sums = new Map<string, number>()
  for (const one of all) for (const [name, count] of Object.entries(one)) sums.set(name, (sums.get(name) ?? 0) + (count ?? 0))
  return Object.fromEntries(sums)
}

const WAITS: ReadonlySet<TurnState> = new Set(['restoring', 'connecting', 'waiting', 'tool'])

function byWait(a: Row, b: Row): number {
  const [aWaits, bWaits] = [WAITS.has(a.turn), WAITS.has(b.turn)]
  if (aWaits !== bWaits) return aWaits ? -1 : 1
  return aWaits ? a.turnSince - b.turnSince : a.since - b.since
}
