// Judges a kept transcript under another profile: its words by the profile's guards, its tools by their names. It has no events, so nothing else is judged.
import type { GuardSide, ProfileGuard } from '../policy/guards.js'
import type { SessionProfile } from '../policy/profile.js'
import { groupOf } from '../session/guards/ask.js'
import { nextWindow, piecesOf } from '../session/guards/windows.js'
import type { AskGuard } from './run.js'
import type { TranscriptLine, TranscriptTool, TranscriptWords } from './transcript.js'

export interface Finding {
  /** Names and fixed words, no content. */
  readonly what: string
  /** False: seen, and nothing else would have happened. */
  readonly isOther: boolean
  /** What would be kept instead. */
  readonly text?: string
}

export interface Rejudged {
  /** Undefined: of all of it. */
  readonly line: TranscriptLine | undefined
  readonly findings: readonly Finding[]
  /** The model would have been told something else, so what it says later is still the record's. */
  readonly toldOtherwise: boolean
  /** Nothing would have been said after it. */
  readonly ends: boolean
}

export interface Judge {
  readonly profile: Pick<SessionProfile, 'guards' | 'tools' | 'record'>
  readonly ask: AskGuard
  /** What becomes of each text before it is kept. */
  readonly redact: (text: string) => string
  /** Whether only an MCP server knows if there is such a tool. */
  readonly isUnknown: (tool: string) => boolean
}

/** Lines of which nothing is found are left out. */
export function rejudge(lines: readonly TranscriptLine[], judge: Judge): readonly Rejudged[] {
  const found: Rejudged[] = []
  if (!judge.profile.record) found.push(judged(undefined, [{ what: 'none of it is kept: the profile has no record', isOther: true }]))
  const most = judge.profile.guards?.maxBlocks ?? Number.POSITIVE_INFINITY
  let blocks = 0
  for (const line of lines) {
    const { findings, blocked } = line.who === 'tool' ? { findings: toolFindings(line, judge), blocked: 0 } : wordsFindings(line, judge)
    blocks += blocked
    const ends = blocks >= most
    const end = ends ? [{ what: `session ends: content_blocked, after ${blocks} blocks`, isOther: true }] : []
    if (findings.length > 0) found.push({ ...judged(line, [...findings, ...end]), toldOtherwise: findings.some(({ isOther, text }) => isOther && text === undefined), ends })
    if (ends) break
  }
  return found
}

function judged(line: TranscriptLine | undefined, findings: readonly Finding[]): Rejudged {
  return { line, findings, toldOtherwise: false, ends: false }
}

/** Only tools that the relay runs stand in a transcript. */
function toolFindings({ tool }: TranscriptTool, { profile, isUnknown }: Judge): readonly Finding[] {
  const known = profile.tools.find(({ definition }) => definition.name === tool)
  if (known?.owner === 'server') return []
  if (known) return [{ what: `tool ${tool} is the client’s to run`, isOther: true }]
  if (isUnknown(tool)) return [{ what: `tool ${tool} is its MCP server’s, which alone knows whether it is there`, isOther: false }]
  return [{ what: `tool ${tool} does not run: it is not among the profile’s tools`, isOther: true }]
}

function wordsFindings(words: TranscriptWords, judge: Judge): { readonly findings: readonly Finding[]; readonly blocked: number } {
  const side = words.who === 'user' ? 'input' : 'output'
  const guards = judge.profile.guards?.guards.filter(({ on }) => on.includes(side)) ?? []
  const of = (group: 'wait' | 'cut' | 'observe') => guards.filter(({ mode }) => groupOf(mode, side, false) === group)
  const decided = (['wait', 'cut'] as const).map((group) =>
    side === 'input' ? inputFindings(group, of(group), words.text, judge.ask) : outputFindings(of(group), words.text, judge.ask),
  )
  const kept = judge.redact(words.text)
  return {
    findings: [
      ...decided.flatMap(({ findings }) => findings),
      ...seenBy(of('observe'), side, words.text, judge.ask),
      ...(kept === words.text ? [] : [{ what: 'kept in other words', isOther: true, text: kept }]),
    ],
    // One is told to the client, whoever blocked first.
    blocked: decided.some(({ isBlocked }) => isBlocked) ? 1 : 0,
  }
}

interface Decided {
  readonly findings: readonly Finding[]
  readonly isBlocked: boolean
}

/** Nobody wrote down whether the user spoke. What the model has heard or read cannot be redacted any more. */
function inputFindings(group: 'wait' | 'cut', guards: readonly ProfileGuard[], text: string, ask: AskGuard): Decided {
  const { trips, outcome } = walk(guards, 'input', text, ask)
  if (outcome === 'passed') return { findings: [], isBlocked: false }
  const isBlocked = outcome === 'blocked' || group === 'cut'
  const what = isBlocked ? 'blocked' : 'redacted if they were typed, blocked if they were spoken'
  return { findings: [{ what: `${trips.join(', ')}: the words are ${what}`, isOther: true }], isBlocked }
}

/** An answer is asked about in windows, as it comes word by word. What is redacted of it counts as blocked. */
function outputFindings(guards: readonly ProfileGuard[], text: string, ask: AskGuard): Decided {
  for (const { from, window } of guards.length === 0 ? [] : windowsOf(text)) {
    const { trips, outcome } = walk(guards, 'output', window, ask)
    if (outcome !== 'passed')
      return { findings: [{ what: `${trips.join(', ')}: the answer is blocked, ${from} of its ${text.length} characters were cleared`, isOther: true }], isBlocked: true }
  }
  return { findings: [], isBlocked: false }
}

function seenBy(guards: readonly ProfileGuard[], side: GuardSide, text: string, ask: AskGuard): readonly Finding[] {
  const texts = side === 'input' ? piecesOf(text) : [...windowsOf(text)].map(({ window }) => window)
  const seen = guards.flatMap((guard) => texts.flatMap((one) => tripOf(guard, side, one, ask)?.words ?? []))
  return [...new Set(seen)].map((what) => ({ what, isOther: false }))
}

function* windowsOf(text: string): Generator<{ readonly from: number; readonly window: string }> {
  let at = 0
  for (const end of [...text.matchAll(/\s+/g)].map(({ index }) => index).concat(text.length)) {
    const isOver = end === text.length
    for (let next = nextWindow(text.slice(0, end), at, isOver ? end : 0); next; next = nextWindow(text.slice(0, end), at, isOver ? end : 0)) {
      yield { from: at, window: next.text }
      at = next.to
    }
  }
}

/** In order, as a session asks: the first that blocks decides, and each reads what the one before has left. */
function walk(
  guards: readonly ProfileGuard[],
  side: GuardSide,
  text: string,
  ask: AskGuard,
): { readonly trips: readonly string[]; readonly outcome: 'passed' | 'redacted' | 'blocked' } {
  const trips: string[] = []
  let left = text
  for (const guard of guards) {
    const pieces = piecesOf(left)
    for (const piece of pieces) {
      const trip = tripOf(guard, side, piece, ask)
      if (!trip) continue
      trips.push(trip.words)
      // Of a text in several pieces no whole can be made of what each has become.
      if (trip.text === undefined || pieces.length > 1) return { trips, outcome: 'blocked' }
      left = trip.text
    }
  }
  return { trips, outcome: trips.length === 0 ? 'passed' : 'redacted' }
}

function tripOf({ name, mode }: ProfileGuard, side: GuardSide, text: string, ask: AskGuard): { readonly words: string; readonly text: string | undefined } | undefined {
  const verdict = ask(name, side, text)
  if (verdict.type !== 'block' && verdict.type !== 'redact') return undefined
  return { words: `guard ${name} (${mode}) finds ${verdict.category}`, text: verdict.type === 'redact' ? verdict.text : undefined }
}
