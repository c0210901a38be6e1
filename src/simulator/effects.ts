// Carries out what a script does beside speaking: errors, ends, faults, waiting, and events of its own.
import { errorFields } from './error-events.js'
import type { Effect } from './script-run.js'
import type { Session } from './session-state.js'
import { problem } from './validate.js'

/** Returns the milliseconds to wait afterwards. A failing response is the response's own business. */
export function apply(session: Session, effect: Effect, causeEventId: string | null = null): number {
  if ('wait' in effect) return effect.wait
  if ('error' in effect) {
    const { code, message, type, param } = effect.error
    session.send('error', errorFields(problem(code ?? '', param ?? null, message), causeEventId, type))
  }
  if ('end' in effect) session.endByFault({ ...effect.end, at: 'now' })
  if ('faults' in effect) session.setFaults(effect.faults)
  if ('send' in effect) {
    const { type, ...fields } = effect.send
    session.send(type, fields)
  }
  if ('inject' in effect) session.inject(effect.inject)
  return 0
}

/** One after the other, each after what the one before waited for. */
export function perform(session: Session, effects: readonly Effect[], causeEventId: string | null): void {
  const [first, ...rest] = effects
  if (!first) return
  const ms = apply(session, first, causeEventId)
  if (ms === 0) perform(session, rest, causeEventId)
  else session.after(ms, () => perform(session, rest, causeEventId))
}
