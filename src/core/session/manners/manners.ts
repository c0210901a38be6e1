// The manners of a session, after each input and at each tick: greeting, silence, the end of its time, hanging up, keys.
import type { Input } from '../inputs.js'
import { isReady, type SessionState, type Step } from '../state.js'
import { changeManners } from './change.js'
import { keysAtTurn, keysDueAt, tickKeys } from './keys.js'
import { noteLineOver, say, sayWanted, wantedDueAt } from './lines.js'
import { isForced, longestDueAt, tickLongest } from './longest.js'
import { callOff, tickParting } from './parting.js'
import { quietDueAt, tickQuiet, userHeard, watchQuiet } from './silence.js'

/** What a client sends only if its user is there. */
const USERS: ReadonlySet<string> = new Set(['conversation.item.create', 'response.create', 'response.cancel', 'input_audio_buffer.commit'])

/** After every input of a session that has manners. */
export function keepManners(step: Step, before: SessionState, input: Input): void {
  const { manners } = step.state
  if (!manners) return
  if (!isReady(step.state)) {
    if (manners.quiet) changeManners(step, { quiet: undefined })
    return
  }
  const spoke = step.state.responses.userSpeaks && !before.responses.userSpeaks
  const typed = input.type === 'client.event' && USERS.has(input.event.type)
  if (spoke || typed) {
    userHeard(step)
    callOff(step)
  }
  if (input.type === 'upstream.event' && input.event.type === 'input_audio_buffer.committed') keysAtTurn(step)
  if (!manners.greeted) greet(step)
  noteLineOver(step)
  sayWanted(step, isForced(step))
  watchQuiet(step)
}

/** Once, as soon as the upstream is ready. If somebody else has the floor by then, the conversation has begun without it. */
function greet(step: Step): void {
  changeManners(step, { greeted: true })
  if (step.state.profile.manners?.greeting !== undefined) say(step, 'greeting')
}

export function mannersDueAt(state: SessionState): number {
  const { manners, upstream } = state
  if (!manners || upstream.phase !== 'ready') return Number.POSITIVE_INFINITY
  const { parting } = manners
  const partingAt = parting ? Math.min(parting.until, parting.phase === 'hearing' ? parting.lookAt : Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY
  return Math.min(partingAt, quietDueAt(state), longestDueAt(state), keysDueAt(state), wantedDueAt(state))
}

/** At each tick. `unheardMs`: of the answers' audio; undefined if nobody counts. */
export function tickManners(step: Step, unheardMs = 0): void {
  if (!step.state.manners || !isReady(step.state)) return
  tickQuiet(step, unheardMs)
  tickLongest(step)
  tickKeys(step)
  tickParting(step, unheardMs)
}
