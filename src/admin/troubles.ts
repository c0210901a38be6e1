// Says what is broken, in words an operator can act on, the worst first.
import type { Picture, Trouble, UpstreamShown } from '../ports/picture.js'

type Seen = Omit<Picture, 'troubles'>

/** A limit with less left than this share is nearly used up. */
const LOW = 0.1
const NEARLY_FULL = 0.9
/** So long a caller waits before an operator should know. */
const LONG_WAIT_SECONDS = 5
/** What of the causes is the relay's or its upstreams' side. */
const SERIOUS = ['not restored', 'upstream lost', 'dial failed', 'answer failed', 'upstream error', 'tool failed'] as const
const LEVELS: readonly Trouble['level'][] = ['broken', 'strained', 'note']

export function troublesOf(seen: Seen, now: number): readonly Trouble[] {
  const found = [...storeTroubles(seen), ...relayTroubles(seen), ...upstreamTroubles(seen, now), ...callTroubles(seen), ...errorTroubles(seen)]
  return found.sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level))
}

function storeTroubles({ shared }: Seen): Trouble[] {
  return shared
    ? []
    : [{ level: 'broken', about: 'store', name: 'Redis', says: 'does not answer. This is one relay alone; the others are not seen, and limits hold in each by itself.' }]
}

function relayTroubles({ relays }: Seen): Trouble[] {
  const found: Trouble[] = []
  const checks = new Map<string, { readonly trouble: Trouble; relays: number }>()
  for (const { relay, status, sessions, mostSessions, checks: unwell } of relays) {
    if (status === 'silent') found.push({ level: 'broken', about: 'relay', name: relay, says: 'says nothing: it was killed, it hangs, or it has another version.' })
    if (status === 'draining') found.push({ level: 'note', about: 'relay', name: relay, says: `is stopping; ${countOf(sessions, 'call')} left.` })
    if (sessions > 0 && sessions >= mostSessions) found.push({ level: 'broken', about: 'relay', name: relay, says: `is full: ${sessions} calls, and new callers are refused.` })
    else if (sessions > mostSessions * NEARLY_FULL) found.push({ level: 'strained', about: 'relay', name: relay, says: `is nearly full: ${sessions} of ${mostSessions} calls.` })
    for (const { name, status: level, detail } of unwell) {
      const key = `${name} ${level} ${detail}`
      const known = checks.get(key) ?? { trouble: { level: level === 'down' ? 'broken' : 'strained', about: 'check', name, says: `says: ${detail}` }, relays: 0 }
      known.relays++
      checks.set(key, known)
    }
  }
  return [...found, ...[...checks.values()].map(({ trouble, relays: count }): Trouble => ({ ...trouble, says: `${trouble.says} (${countOf(count, 'relay')})` }))]
}

function upstreamTroubles({ upstreams }: Seen, now: number): Trouble[] {
  return upstreams.flatMap((upstream) => {
    const { name, breakers, freeFrom, dials, limits } = upstream
    const say = (level: Trouble['level'], says: string): Trouble => ({ level, about: 'upstream', name, says })
    const found: Trouble[] = []
    const total = breakers.closed + breakers.open + breakers.half_open
    if (breakers.open > 0) found.push(say('broken', `fails: ${breakers.open} of ${countOf(total, 'relay')} do not dial it.`))
    if (breakers.half_open > 0) found.push(say('strained', `failed, and is tried again by ${breakers.half_open} of ${countOf(total, 'relay')}.`))
    if (freeFrom !== null && breakers.open === 0) found.push(say('strained', `asked for a pause of another ${Math.max(1, Math.ceil((Date.parse(freeFrom) - now) / 1000))} s.`))
    if (Object.keys(dials).length === 0) found.push(say('note', 'was not tried yet: nobody knows whether it can be reached.'))
    if (limits === null) return found
    return [...found, ...limitTroubles(upstream, now)]
  })
}

/** A report whose time is over says nothing of now. */
function limitTroubles({ name: upstream, limits }: UpstreamShown, now: number): Trouble[] {
  return (limits ?? []).flatMap(({ name, remaining, limit, resetAt }): Trouble[] => {
    if (remaining === null || (resetAt !== null && Date.parse(resetAt) <= now)) return []
    if (remaining <= 0) return [{ level: 'broken', about: 'limit', name: `${upstream} ${name}`, says: 'is used up.' }]
    if (limit === null || limit <= 0 || remaining / limit >= LOW) return []
    return [{ level: 'strained', about: 'limit', name: `${upstream} ${name}`, says: `has ${Math.round((remaining / limit) * 100)} % left.` }]
  })
}

function callTroubles({ calls, sessions }: Seen): Trouble[] {
  const found: Trouble[] = []
  const restoring = calls.turns.restoring ?? 0
  if (restoring > 0)
    found.push({ level: 'broken', about: 'calls', name: '', says: `${countOf(restoring, 'call')} lost the upstream and ${restoring === 1 ? 'waits' : 'wait'} for another.` })
  const slow = sessions.filter(({ turn, turnSeconds }) => (turn === 'waiting' || turn === 'connecting') && turnSeconds >= LONG_WAIT_SECONDS).length
  if (slow > 0)
    found.push({ level: 'strained', about: 'calls', name: '', says: `${countOf(slow, 'call')} ${slow === 1 ? 'waits' : 'wait'} for longer than ${LONG_WAIT_SECONDS} s.` })
  return found
}

function errorTroubles({ errors }: Seen): Trouble[] {
  return SERIOUS.flatMap((kind): Trouble[] => {
    const recent = errors.filter((one) => one.kind === kind).reduce((sum, one) => sum + one.recent, 0)
    return recent > 0 ? [{ level: 'strained', about: 'errors', name: kind, says: `${recent === 1 ? 'once' : `${recent} times`} in five minutes.` }] : []
  })
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
