// Prints results: one table of medians and ratios, the goals, and all problems that make the results invalid.
import { against, goalResults, median, type Results, type Row } from './results.js'
import { TARGET_NAMES, type TargetName } from './targets.js'

function shown(value: number): string {
  if (Number.isNaN(value)) return '–'
  const size = Math.abs(value)
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** The target that the ratios of a row are relative to. Latencies and memory are shown without ratios; their differences are in the goals. */
function baselineOf(row: Row): TargetName | undefined {
  if (row.unit !== 'µs/message' && row.unit !== 'µs/session') return undefined
  return (['ws-pipe', 'ws-pipe-tls'] as const).find((name) => row.rounds[name])
}

function cell(row: Row, name: TargetName): string {
  const values = row.rounds[name]
  if (!values) return ''
  const baseline = baselineOf(row)
  const ratio = baseline && baseline !== name ? ` [${against(row, name, baseline, 'ratio').toFixed(2)}]` : ''
  return shown(median(values)) + ratio
}

function aligned(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  return lines.map((line) => line.map((text, column) => (column < 2 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0))).join('  ')).join('\n')
}

export function textReport(results: Results): string {
  const names = TARGET_NAMES.filter((name) => results.rows.some((row) => row.rounds[name]))
  const parts = [
    aligned([['median of rounds [ratio to ws-pipe]', 'unit', ...names], ...results.rows.map((row) => [row.figure, row.unit, ...names.map((name) => cell(row, name))])]),
  ]
  const goals = goalResults(results.rows)
  if (goals.length > 0) {
    const lines = goals.map((goal) => [
      goal.figure,
      goal.against ? `${goal.target} ${goal.as === 'ratio' ? '÷' : '−'} ${goal.against}` : goal.target,
      shown(goal.measured),
      shown(goal.atMost),
      shown(goal.stretch),
      goal.met,
    ])
    parts.push(aligned([['goal', 'of', 'measured', 'at most', 'stretch', ''], ...lines]))
  }
  const noisy = results.noise.filter(({ foreignMs, stealMs, tookMs }) => foreignMs + stealMs > tookMs / 5)
  if (noisy.length > 0) parts.push(`${noisy.length} of ${results.noise.length} rounds had more than a fifth of the target's core taken by others: read ratios, not microseconds.`)
  if (results.skipped.length > 0) parts.push(`Left out:\n${results.skipped.map((line) => `  ${line}`).join('\n')}`)
  parts.push(
    results.problems.length > 0 ? `PROBLEMS, this run proves nothing:\n${results.problems.map((line) => `  ${line}`).join('\n')}` : 'Everything sent was delivered, in order.',
  )
  return `${parts.join('\n\n')}\n`
}

/** The same for machines, with every round. */
export function jsonReport(results: Results, about: Record<string, unknown>): string {
  const rows = results.rows.map((row) => {
    const baseline = baselineOf(row)
    const targets = Object.fromEntries(
      TARGET_NAMES.filter((name) => row.rounds[name]).map((name) => {
        const rounds = row.rounds[name] ?? []
        const known = rounds.filter((value) => !Number.isNaN(value))
        const ratio = baseline ? { ratio: against(row, name, baseline, 'ratio') } : {}
        return [name, { median: median(rounds), min: Math.min(...known), max: Math.max(...known), rounds, ...ratio }]
      }),
    )
    return { figure: row.figure, unit: row.unit, ...(baseline ? { baseline } : {}), targets }
  })
  return `${JSON.stringify({ about, rows, goals: goalResults(results.rows), problems: results.problems, skipped: results.skipped, noise: results.noise }, null, 2)}\n`
}
