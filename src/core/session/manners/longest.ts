// Before the session's longest time: a warning, and a goodbye that is over by then.
import type { SessionState, Step } from '../state.js'
import { changeManners } from './change.js'
import { cutShort, partWith } from './parting.js'

/** A goodbye has so long to wait for its turn, to be said and to be heard. */
const GOODBYE_MS = 10_000
/** From here on it waits for nobody. */
const FORCED_MS = 6000
/** Of a session that is very short. */
const MOST_SHARE = 0.25

interface Times {
  readonly warnAt: number
  readonly goodbyeAt: number
  readonly forcedAt: number
  readonly endsAt: number
}

function timesOf({ profile, openedAt }: SessionState): Times | undefined {
  const ending = profile.manners?.ending
  if (!ending) return undefined
  const { maxSessionMs } = profile.limits
  const endsAt = openedAt + maxSessionMs
  const goodbyeMs = Math.min(GOODBYE_MS, maxSessionMs * MOST_SHARE)
  return { warnAt: endsAt - ending.warnMs, goodbyeAt: endsAt - goodbyeMs, forcedAt: endsAt - goodbyeMs * (FORCED_MS / GOODBYE_MS), endsAt }
}

export function longestDueAt(state: SessionState): number {
  const { manners } = state
  const times = timesOf(state)
  if (!times || !manners) return Number.POSITIVE_INFINITY
  const { warnAt, goodbyeAt, forcedAt } = times
  if (!manners.warned) return warnAt
  if (!manners.parting) return goodbyeAt
  return manners.wanted === 'ending_goodbye' && !isCut(manners.parting.lookAt, times) ? forcedAt : Number.POSITIVE_INFINITY
}

/** At each tick. */
export function tickLongest(step: Step): void {
  const times = timesOf(step.state)
  if (!times || !step.state.manners) return
  const { warnAt, goodbyeAt, forcedAt, endsAt } = times
  if (!step.state.manners.warned && step.now >= warnAt) changeManners(step, { warned: true, ...(step.state.manners.parting ? {} : { wanted: 'warning' }) })
  if (!step.state.manners.parting && step.now >= goodbyeAt) partWith(step, 'maximum_length', endsAt)
  const { parting, wanted } = step.state.manners
  if (!parting || wanted !== 'ending_goodbye' || step.now < forcedAt || isCut(parting.lookAt, times)) return
  changeManners(step, { parting: { ...parting, lookAt: forcedAt } })
  cutShort(step)
}

/** Whether the goodbye waits for nobody any more. */
export function isForced(step: Step): boolean {
  const times = timesOf(step.state)
  return times !== undefined && step.state.manners?.wanted === 'ending_goodbye' && step.now >= times.forcedAt
}

/** What was being said at that time was stopped, once. */
function isCut(lookAt: number, { forcedAt }: Times): boolean {
  return lookAt === forcedAt
}
