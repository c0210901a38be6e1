// The transcript of one session as it grows: what was said, how much of it was heard, which tools ran. Bounded, and one JSON line each.
import { heardPart } from '../core/session/replay.js'
import type { Recorded } from '../ports/records.js'

interface Turn {
  readonly who: 'user' | 'assistant'
  readonly item: string
  readonly atMs: number
  readonly spoken: boolean
  text: string
  heardMs?: number
  by?: string
}

interface Tool {
  readonly tool: string
  readonly outcome: string
  readonly atMs: number
}

export interface Turns {
  said(said: Extract<Recorded, { type: 'said' }>): boolean
  heard(heard: Extract<Recorded, { type: 'heard' }>): boolean
  tool(tool: Tool): boolean
  /** What was said of these items was said before anything might be kept. */
  skip(itemId: string): void
  lines(): string
  readonly count: number
  /** Turns that found no place. */
  readonly lost: number
}

/** UTF-16 code units of text; several hours of talk. */
const MOST_TEXT = 1_000_000
const MOST_LINES = 20_000
const MOST_SKIPPED = 1024

/** `redact`: what becomes of each text before it is kept anywhere. */
export function createTurns(redact: (text: string) => string): Turns {
  const entries: (Turn | Tool)[] = []
  const byItem = new Map<string, Turn>()
  const skipped = new Set<string>()
  let size = 0
  let lost = 0

  const place = (length: number): boolean => {
    if (size + length > MOST_TEXT || entries.length >= MOST_LINES) {
      lost++
      return false
    }
    size += length
    return true
  }
  return {
    said({ who, itemId, atMs, text: said, spoken }) {
      if (skipped.has(itemId)) return false
      const text = redact(said)
      const known = byItem.get(itemId)
      if (known) {
        if (known.text === text || !place(Math.max(0, text.length - known.text.length))) return false
        known.text = text
        return true
      }
      if (!place(text.length)) return false
      const turn: Turn = { who, item: itemId, atMs, spoken, text }
      entries.push(turn)
      byItem.set(itemId, turn)
      return true
    },
    // The first word counts, but for a guess: the service only confirms what it was told.
    heard({ itemId, ms, by }) {
      const turn = byItem.get(itemId)
      if (turn?.who !== 'assistant' || turn.by !== undefined) return false
      turn.heardMs = ms
      turn.by = by
      return true
    },
    tool(tool) {
      if (!place(tool.tool.length)) return false
      entries.push(tool)
      return true
    },
    skip(itemId) {
      if (skipped.size < MOST_SKIPPED) skipped.add(itemId)
    },
    lines: () => entries.map((entry, index) => `${JSON.stringify({ turn: index + 1, ...('tool' in entry ? { who: 'tool', ...entry } : lineOf(entry)) })}\n`).join(''),
    get count() {
      return entries.length
    },
    get lost() {
      return lost
    },
  }
}

/** Of an answer that nobody truncated all is taken for heard. Text is read rather than heard. */
function lineOf({ who, item, atMs, spoken, text, heardMs, by }: Turn): object {
  const turn = { who, item, atMs, text }
  if (who === 'user' || !spoken) return turn
  if (heardMs === undefined) return { ...turn, heard: 'all', by: 'estimated' }
  const heardText = heardMs === 0 ? '' : heardPart({ text, heardMs })
  return { ...turn, heard: heardMs === 0 ? 'none' : 'part', heardMs, heardText, by }
}
