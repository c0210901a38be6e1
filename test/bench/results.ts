// Collects one figure per target and round, and condenses rounds to medians and to ratios taken within each round.
import type { TargetName } from './targets.js'

export interface Goal {
  readonly target: TargetName
  /** What the figure is compared with: another target's in the same round, or nothing. */
  readonly against: TargetName | undefined
  readonly as: 'ratio' | 'difference' | 'value'
  readonly atMost: number
  readonly stretch: number
}

export interface RowHead {
  /** Unique among the rows, e.g. `uplink 1.3 kB, CPU`. */
  readonly figure: string
  readonly unit: string
  readonly goals?: readonly Goal[]
}

export interface Row extends RowHead {
  /** Target → one value per round; NaN if the round failed. */
  readonly rounds: Partial<Record<TargetName, number[]>>
}

export interface Noise {
  readonly figure: string
  readonly target: TargetName
  readonly round: number
  readonly foreignMs: number
  readonly stealMs: number
  readonly tookMs: number
}

export interface Results {
  readonly rows: Row[]
  /** Messages that were not delivered, out of order or unexpected. A run with such a problem is invalid. */
  readonly problems: string[]
  /** What was left out, and why. */
  readonly skipped: string[]
  readonly noise: Noise[]
}

export function emptyResults(): Results {
  return { rows: [], problems: [], skipped: [], noise: [] }
}

/** Stores one value and creates the row with the first one. */
export function record(results: Results, head: RowHead, target: TargetName, round: number, value: number): void {
  let row = results.rows.find(({ figure }) => figure === head.figure)
  if (!row) {
    row = { ...head, rounds: {} }
    results.rows.push(row)
  }
  const values = row.rounds[target] ?? []
  row.rounds[target] = values
  while (values.length < round) values.push(Number.NaN)
  values[round] = value
}

/** NaN if there are no values. Values that are NaN do not count. */
export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b)
  const middle = sorted.length / 2
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Median over the rounds of `target` against `other` in the same round. */
export function against(row: Row, target: TargetName, other: TargetName, as: 'ratio' | 'difference'): number {
  const others = row.rounds[other] ?? []
  return median((row.rounds[target] ?? []).map((value, round) => (as === 'ratio' ? value / (others[round] ?? Number.NaN) : value - (others[round] ?? Number.NaN))))
}

export interface GoalResult extends Goal {
  readonly figure: string
  readonly measured: number
  readonly met: 'stretch' | 'goal' | 'missed'
}

/** Goals whose target and counterpart were both measured. */
export function goalResults(rows: readonly Row[]): GoalResult[] {
  return rows.flatMap((row) =>
    (row.goals ?? []).flatMap((goal) => {
      const measured = goal.as === 'value' || !goal.against ? median(row.rounds[goal.target] ?? []) : against(row, goal.target, goal.against, goal.as)
      if (Number.isNaN(measured)) return []
      const met: GoalResult['met'] = measured <= goal.stretch ? 'stretch' : measured <= goal.atMost ? 'goal' : 'missed'
      return [{ ...goal, figure: row.figure, measured, met }]
    }),
  )
}
