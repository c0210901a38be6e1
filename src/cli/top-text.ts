// Writes one picture of all relays as text for a terminal, in an incident's order.
import type { LimitShown, Picture, SessionShown } from '../ports/picture.js'
import { amount, duration, milliseconds, money, printable, TURN_WORDS, table } from './turn-words.js'

export type TopOrder = 'wait' | 'cost' | 'age' | 'user'
export const TOP_ORDERS: readonly TopOrder[] = ['wait', 'cost', 'age', 'user']

const MOST_TROUBLES = 8
const MOST_ERRORS = 6
/** One minute of slots that are over. */
const RATE_SLOTS = 6

/** `most`: sessions. Each line is cut at `width`. */
export function topText(picture: Picture, { most, order, width }: { readonly most: number; readonly order: TopOrder; readonly width: number }): readonly string[] {
  const { at, shared, calls, relays, troubles, errors, sessions, spent, firstAudio } = picture
  const where = shared ? `${relays.length} ${relays.length === 1 ? 'relay' : 'relays'}` : 'ONE RELAY ALONE'
  const shown = sorted(sessions, order).slice(0, most)
  const lines = [
    `realtime-relay  ${at}  ${where}  calls ${amount(calls.now)} of ${amount(calls.most)}`,
    ...cut(
      troubles.map(({ level, about, name, says }) => `${level.toUpperCase().padEnd(8)} ${about} ${name === '' ? '' : `${name} `}${says}`),
      MOST_TROUBLES,
    ),
    `${turnsText(picture)}  first audio p50 ${milliseconds(firstAudio?.p50Ms ?? null)} p95 ${milliseconds(firstAudio?.p95Ms ?? null)}`,
    `a minute: ${rate(picture, 'opened')} calls begun, ${rate(picture, 'answers')} answers, ${rate(picture, 'problems')} problems  tokens ${amount(spent.inputTokens)} in ${amount(spent.outputTokens)} out  cost ${money(spent.money, spent.currency)}`,
    '',
    ...upstreamLines(picture),
    '',
    ...table(
      ['RELAY', 'STATE', 'CALLS', 'MOST', 'VERSION'],
      relays.map(({ relay, status, sessions: own, mostSessions, version }) => [relay, status, amount(own), amount(mostSessions), version ?? '-']),
      ['CALLS', 'MOST'],
    ),
    ...(errors.length === 0 ? [] : ['', ...errorLines(picture)]),
    '',
    ...table(
      ['SESSION', 'USER', 'NOW', 'UPSTREAM', 'LEG', 'FIRST', 'ANSWERS', 'TOKENS', 'COST', 'BACKLOG', 'AGE'],
      shown.map((one) => sessionCells(one)),
      ['LEG', 'FIRST', 'ANSWERS', 'TOKENS', 'COST', 'BACKLOG', 'AGE'],
    ),
    ...(calls.now > shown.length ? [`${amount(calls.now - shown.length)} more`] : []),
  ]
  return lines.map((line) => printable(line).slice(0, width))
}

function sorted(sessions: readonly SessionShown[], order: TopOrder): readonly SessionShown[] {
  // They come by wait.
  if (order === 'wait') return sessions
  if (order === 'age') return [...sessions].sort((a, b) => b.ageSeconds - a.ageSeconds)
  if (order === 'user') return [...sessions].sort((a, b) => (a.user < b.user ? -1 : a.user > b.user ? 1 : 0))
  const tokens = (one: SessionShown) => one.inputTokens + one.outputTokens
  return [...sessions].sort((a, b) => (b.money ?? 0) - (a.money ?? 0) || tokens(b) - tokens(a))
}

function turnsText({ calls, answers }: Picture): string {
  const turns = Object.entries(calls.turns).map(([turn, count]) => `${count} ${turn}`)
  const failed = (answers.failed ?? 0) + (answers.incomplete ?? 0)
  const all = Object.values(answers).reduce((sum, one) => sum + one, 0)
  return `${turns.length > 0 ? turns.join(', ') : 'no calls'}  answers failed, 5 min: ${failed} of ${all}`
}

function rate({ slots }: Picture, series: 'opened' | 'answers' | 'problems'): number {
  return slots[series].slice(-RATE_SLOTS - 1, -1).reduce((sum, count) => sum + count, 0)
}

function upstreamLines({ upstreams }: Picture): readonly string[] {
  return table(
    ['UPSTREAM', 'BREAKER', 'CALLS', 'DIAL', 'FIRST AUDIO', 'LIMITS'],
    upstreams.map(({ name, breakers, dials, sessions, latencyMs, firstAudio, limits }) => {
      const states = Object.entries(breakers).flatMap(([state, count]) => (count > 0 ? [`${count} ${state}`] : []))
      const audio = firstAudio ? `${milliseconds(firstAudio.p50Ms)} / ${milliseconds(firstAudio.p95Ms)}` : '-'
      const left = limits === null ? 'not known' : limits.map(limitText).join(', ') || '-'
      return [name, Object.keys(dials).length === 0 ? 'not tried' : states.join(', '), amount(sessions), milliseconds(latencyMs), audio, left]
    }),
    ['CALLS', 'DIAL'],
  )
}

function limitText({ name, remaining, limit }: LimitShown): string {
  return `${name} ${remaining === null ? '?' : amount(remaining)}${limit === null ? '' : `/${amount(limit)}`}`
}

function errorLines({ errors }: Picture): readonly string[] {
  return table(
    ['WENT WRONG', 'CAUSE', '5 MIN', 'SINCE START'],
    errors.slice(0, MOST_ERRORS).map(({ kind, cause, recent, total }) => [kind, cause, amount(recent), amount(total)]),
    ['5 MIN', 'SINCE START'],
  )
}

function sessionCells({
  id,
  user,
  turn,
  turnSeconds,
  upstream,
  legs,
  firstAudioMs,
  responses,
  inputTokens,
  outputTokens,
  money: cost,
  backlogBytes,
  ageSeconds,
}: SessionShown): readonly string[] {
  const waits = turn === 'waiting' || turn === 'connecting' || turn === 'restoring' || turn === 'tool'
  const now = `${TURN_WORDS[turn] ?? turn}${waits ? ` ${duration(turnSeconds)}` : ''}`
  const tokens = `${amount(inputTokens)}+${amount(outputTokens)}`
  return [id, user, now, upstream || '-', String(legs), milliseconds(firstAudioMs), amount(responses), tokens, money(cost, null), amount(backlogBytes), duration(ageSeconds)]
}

function cut(lines: readonly string[], most: number): readonly string[] {
  return lines.length <= most ? lines : [...lines.slice(0, most), `         ${lines.length - most} more`]
}
