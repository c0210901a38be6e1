// Reads a transcript that a relay kept: who said what and when, what was heard of it, and tools by name. Bounded like the transcript itself.
import { isObject, stringAt } from '../protocol/events.js'
import { objectInLine } from './recorded.js'

export interface TranscriptWords {
  readonly who: 'user' | 'assistant'
  /** Of the file, from 1. */
  readonly line: number
  /** Since the session began. */
  readonly atMs: number
  readonly text: string
  /** Of a spoken answer. */
  readonly heard: 'all' | 'part' | 'none' | undefined
}

export interface TranscriptTool {
  readonly who: 'tool'
  readonly line: number
  readonly atMs: number
  readonly tool: string
}

export type TranscriptLine = TranscriptWords | TranscriptTool

export type Transcript = { readonly ok: true; readonly lines: readonly TranscriptLine[] } | { readonly ok: false; readonly problem: string }

/** The relay writes fewer. */
const MOST_LINES = 50_000
const HEARD = ['all', 'part', 'none'] as const
const NAME = /^[A-Za-z0-9_-]{1,64}$/

/** Whether the first line is a transcript's, and not an event's. */
export function isTranscript(text: string): boolean {
  const start = text.trimStart()
  const first = objectInLine(start.slice(0, start.indexOf('\n') < 0 ? undefined : start.indexOf('\n')))
  return isObject(first) && 'turn' in first && 'who' in first
}

export function parseTranscript(text: string): Transcript {
  const contents = text.split('\n')
  if (contents.length > MOST_LINES) return { ok: false, problem: `has more than ${MOST_LINES} lines` }
  const lines: TranscriptLine[] = []
  for (const [index, content] of contents.entries()) {
    if (content.trim() === '') continue
    const read = parseLine(content, index + 1)
    if (typeof read === 'string') return { ok: false, problem: `line ${index + 1}: ${read}` }
    lines.push(read)
  }
  return { ok: true, lines }
}

function parseLine(content: string, line: number): TranscriptLine | string {
  const value = objectInLine(content)
  if (typeof value === 'string') return value
  const { who, atMs, text, tool } = value
  if (!(typeof atMs === 'number' && Number.isFinite(atMs) && atMs >= 0)) return "'atMs' must be milliseconds of 0 or more"
  if (who === 'tool') return typeof tool === 'string' && NAME.test(tool) ? { who, line, atMs, tool } : "'tool' must be the name of a tool"
  if (who !== 'user' && who !== 'assistant') return "'who' must be user, assistant or tool"
  if (typeof text !== 'string') return "'text' must be what was said"
  return { who, line, atMs, text, heard: HEARD.find((one) => one === stringAt(value, 'heard')) }
}
