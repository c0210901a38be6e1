// The one way in which a session's manners change.
import type { Step } from '../state.js'
import type { MannersState } from './state.js'

export function changeManners(step: Step, changes: Partial<MannersState>): void {
  const { manners } = step.state
  if (manners) step.set({ manners: { ...manners, ...changes } })
}
