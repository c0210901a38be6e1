// Spells what operators read in a terminal: what a session does, numbers, times. Nothing that came from elsewhere can move the cursor.
import type { TurnState } from '../ports/live.js'

export const TURN_WORDS: Readonly<Record<TurnState, string>> = {
  restoring: 'lost its upstream',
  connecting: 'connects',
  waiting: 'waits for an answer',
  tool: 'runs a tool',
  away: 'client is away',
  answering: 'is answered',
  listening: 'user speaks',
  idle: 'idle',
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

export function amount(value: number): string {
  return value < 10_000 ? whole.format(value) : short.format(value)
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${String(Math.round(seconds % 60)).padStart(2, '0')}s`
  return `${Math.floor(seconds / 3600)}h${String(Math.floor((seconds % 3600) / 60)).padStart(2, '0')}m`
}

export function milliseconds(ms: number | null): string {
  if (ms === null) return '-'
  return ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(1)}s`
}

export function money(value: number | null, currency: string | null): string {
  return value === null ? '-' : `${value.toFixed(value < 1 ? 4 : 2)}${currency === null ? '' : ` ${currency}`}`
}

/** Control characters become question marks. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?')
}

/** Lines of columns; each is as wide as its widest cell. Columns named in `right` end at the same place. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], right: readonly string[] = []): string[] {
  const all = [head, ...rows.map((row) => row.map(printable))]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (right.includes(head[column] ?? '') ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  return all.map(line)
}
