// Turns of the user whose words wait for a verdict: which are followed, and what becomes possible when one passes.
import type { Step } from '../state.js'
import { changeGuards } from './ask.js'
import type { Group, Turn } from './state.js'
import { letGo } from './words.js'

/** Beyond that the oldest is decided without a verdict. */
export const MOST_TURNS = 32

export function addTurn(step: Step, turn: Turn): void {
  const { guards } = step.state
  if (guards) changeGuards(step, { turns: [...guards.turns, turn] })
}

export function turnPassed(step: Step, turn: Turn, groups: readonly Group[]): void {
  const { guards } = step.state
  if (!guards) return
  const open = turn.open.filter((group) => !groups.includes(group))
  changeGuards(step, { turns: guards.turns.flatMap((one) => (one !== turn ? [one] : open.length > 0 ? [{ ...one, open }] : [])) })
  if (turn.responseId !== undefined) letGo(step, turn.responseId)
}
