// Asks guards in their order, and makes one outcome of their verdicts: the first that blocks decides, redactions add up.
import type { GuardSide, GuardVerdict, ProfileGuard } from '../../policy/guards.js'
import { note, type Step } from '../state.js'
import { type About, type Check, type Group, type GuardsState, guardsWith } from './state.js'
import { piecesOf } from './windows.js'

/** The relay's own limits are shorter: this is for a verdict that never comes. */
const ASK_MS = 15_000
/** Who asks more at once gets no answer to the rest. */
const MOST_CHECKS = 64
/** Of a redacted text, in characters. What is longer is no redaction. */
const MOST_REDACTED = 16_384

export function changeGuards(step: Step, changes: Partial<GuardsState>): void {
  if (step.state.guards) step.set({ guards: guardsWith(step.state.guards, changes) })
}

/** In order. Everything that a server-run tool gets or gives waits for its guards. */
export function guardsOf({ state }: Step, side: GuardSide, group: Group): readonly ProfileGuard[] {
  const all = state.profile.guards?.guards ?? []
  return all.filter(({ on, mode }) => on.includes(side) && groupOf(mode, side, state.call !== undefined) === group)
}

export function groupOf(mode: ProfileGuard['mode'], side: GuardSide, isCall: boolean): Group {
  if (mode === 'observe') return 'observe'
  if (side === 'tool_arguments' || side === 'tool_output') return 'wait'
  return mode === 'cut' || (side === 'output' && isCall) ? 'cut' : 'wait'
}

/** False: this group has nobody to ask, or nothing to ask about. */
export function ask(step: Step, side: GuardSide, group: Group, about: About, text: string): boolean {
  const { guards } = step.state
  if (!guards || text === '' || guardsOf(step, side, group).length === 0) return false
  question(step, { id: 0, side, group, about, pieces: piecesOf(text), piece: 0, guard: 0, redacted: undefined, until: 0 })
  return true
}

/** Puts the question that the check is at. */
function question(step: Step, check: Check): void {
  const guards = step.state.guards as GuardsState
  const id = guards.asked + 1
  const asks = guards.checks.length < MOST_CHECKS
  changeGuards(step, { asked: id, checks: [...guards.checks, { ...check, id, until: asks ? step.now + ASK_MS : step.now }] })
  const guard = guardsOf(step, check.side, check.group)[check.guard]
  if (asks && guard) step.actions.push({ type: 'guard.check', id, guard: guard.name, side: check.side, text: check.pieces[check.piece] ?? '' })
}

export interface Outcome {
  readonly check: Check
  /** Undefined: passed. */
  readonly blocked: { readonly guard: string; readonly category: string } | undefined
  /** Undefined: as it was. */
  readonly redacted: string | undefined
}

/** Category of what was blocked without a verdict. */
export const UNCHECKED = 'unchecked'

/** Undefined: it is about nothing that is asked, or more is asked. */
export function answered(step: Step, id: number, verdict: GuardVerdict): Outcome | undefined {
  const { guards } = step.state
  const check = guards?.checks.find((one) => one.id === id)
  if (!guards || !check) return undefined
  changeGuards(step, { checks: guards.checks.filter((one) => one !== check) })
  const asked = guardsOf(step, check.side, check.group)
  const guard = asked[check.guard]
  if (!guard) return { check, blocked: undefined, redacted: check.redacted }
  if (verdict.type === 'none') note(step, { type: 'guard_failed', guard: guard.name, why: verdict.why })
  else if (verdict.type !== 'pass') note(step, { type: 'guard_tripped', guard: guard.name, side: check.side, category: verdict.category, mode: guard.mode })
  const decides = check.group !== 'observe'
  const redacts = verdict.type === 'redact' && check.pieces.length === 1 && verdict.text.length <= MOST_REDACTED
  if (decides && verdict.type === 'none' && guard.whenUnsure === 'block') return { check, blocked: { guard: guard.name, category: UNCHECKED }, redacted: undefined }
  // Of a text in several pieces no whole can be made of what each has become.
  if (decides && (verdict.type === 'block' || (verdict.type === 'redact' && !redacts)))
    return { check, blocked: { guard: guard.name, category: verdict.category }, redacted: undefined }
  const redacted = decides && redacts ? verdict.text : check.redacted
  const pieces = decides && redacts ? [verdict.text] : check.pieces
  if (check.piece + 1 < pieces.length) question(step, { ...check, piece: check.piece + 1 })
  else if (check.guard + 1 < asked.length) question(step, { ...check, pieces: decides && redacts ? piecesOf(verdict.text) : pieces, piece: 0, guard: check.guard + 1, redacted })
  else return { check, blocked: undefined, redacted }
  return undefined
}

/** What of this nobody needs to know any more. */
export function forgetChecks(step: Step, isOver: (about: About) => boolean): void {
  const { guards } = step.state
  if (guards?.checks.some(({ about }) => isOver(about))) changeGuards(step, { checks: guards.checks.filter(({ about }) => !isOver(about)) })
}
