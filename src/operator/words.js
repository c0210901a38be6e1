// Spells numbers, times and states for people.

const numbers = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

export const TURNS = {
  restoring: 'lost its upstream',
  connecting: 'connects',
  waiting: 'waits for an answer',
  tool: 'runs a tool',
  away: 'client is away',
  answering: 'is answered',
  listening: 'user speaks',
  idle: 'idle',
}

export const WAITS = new Set(['restoring', 'connecting', 'waiting', 'tool'])

export const count = (value) => numbers.format(value)
export const amount = (value) => (Math.abs(value) < 10_000 ? numbers.format(value) : short.format(value))

export function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
}

export const milliseconds = (ms) => (ms === null ? '–' : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)

export function money(value, currency) {
  if (value === null) return '–'
  return `${value.toFixed(value < 1 ? 4 : 2)}${currency ? ` ${currency}` : ''}`
}

export function bytes(value) {
  if (value === 0) return '0'
  return value < 10_000 ? `${count(value)} B` : `${count(value / 1000)} KB`
}

export const clock = (iso) => new Date(iso).toLocaleTimeString('en-GB')
export const share = (part, whole) => (whole > 0 ? `${Math.round((part / whole) * 100)} %` : '–')
