// Replays every recording, and counts what agrees in every field: per recording and per kind, with the goal of each kind.
import type { RealtimeEvent } from '../../src/core/protocol/events.js'
import { compare, type Match } from './match.js'
import { kindOf, play } from './playback.js'
import { type Recording, SESSION_KINDS, type SessionKind } from './recorded.js'
import { DIFFERENCES, UNEQUAL_VALUES } from './unequal.js'

const GOALS: Readonly<Record<SessionKind, number>> = { 'GA Azure': 0.97, 'GA OpenAI': 0.97, preview: 0.97, 'Voice Live': 0.9, '2.x': 0.9 }

export interface Result {
  readonly recording: Recording
  readonly recorded: readonly RealtimeEvent[]
  readonly simulated: readonly RealtimeEvent[]
  readonly match: Match
}

export async function replay(recording: Recording): Promise<Result> {
  const recorded = recording.lines.filter(({ from }) => from === 'server').map(({ event }) => event)
  const simulated = await play(recording.lines, kindOf(recording))
  return { recording, recorded, simulated, match: compare(recorded, simulated) }
}

export interface Sum {
  readonly kind: SessionKind
  readonly recordings: number
  readonly events: number
  readonly matched: number
  readonly goal: number
  /** Undefined if nothing of this kind was recorded. */
  readonly reached: boolean | undefined
}

export function sumsOf(results: readonly Pick<Result, 'recording' | 'recorded' | 'match'>[]): readonly Sum[] {
  return SESSION_KINDS.map((kind) => {
    const own = results.filter(({ recording }) => recording.kind === kind)
    const events = own.reduce((sum, { recorded }) => sum + recorded.length, 0)
    const matched = own.reduce((sum, { match }) => sum + match.matched, 0)
    return { kind, recordings: own.length, events, matched, goal: GOALS[kind], reached: events === 0 ? undefined : matched / events >= GOALS[kind] }
  })
}

/** The tables that `npm run test:recordings` prints. */
export function resultsText(results: readonly Result[], leftOut: readonly { readonly name: string; readonly because: string }[]): string {
  const percent = (part: number, of: number) => `${((100 * part) / of).toFixed(1)} %`
  const lines = [
    '| recording | kind | events recorded | equal in every field | share | events beyond |',
    '| --- | --- | --: | --: | --: | --: |',
    ...results.map(({ recording, recorded, match }) => {
      return `| ${recording.name} | ${recording.kind} | ${recorded.length} | ${match.matched} | ${percent(match.matched, recorded.length)} | ${match.extra.length} |`
    }),
    '',
    '| kind | recordings | events recorded | equal in every field | share | goal |',
    '| --- | --: | --: | --: | --: | --- |',
    ...sumsOf(results).map(({ kind, recordings, events, matched, goal, reached }) => {
      if (reached === undefined) return `| ${kind} | 0 | 0 | 0 | none recorded | ${percent(goal, 1)} |`
      return `| ${kind} | ${recordings} | ${events} | ${matched} | ${percent(matched, events)} | ${percent(goal, 1)}${reached ? '' : ': missed'} |`
    }),
    '',
    ...results.flatMap(({ recording, match }) => [...match.shapes, ...match.missing.map((type) => `${type}: missing or different`)].map((line) => `${recording.name}: ${line}`)),
    ...leftOut.map(({ name, because }) => `Left out: ${name}: ${because}.`),
    '',
    'Values of these kinds must be there, but cannot be equal:',
    ...UNEQUAL_VALUES.map(({ name, because }) => `- ${name}: ${because}`),
    ...(DIFFERENCES.length > 0 ? ['Differences that stay:', ...DIFFERENCES.map(({ type, because }) => `- ${type}: ${because}`)] : ['No other difference is allowed for.']),
  ]
  return lines.join('\n')
}
