// Who has the floor: the service runs one response of the conversation at a time, so a new one starts only while nothing else does.
import { mustWait } from '../call/state.js'
import { isOpen } from '../gate.js'
import { isAway } from '../resume-state.js'
import { isReady, type SessionState } from '../state.js'
import type { Responses } from './state.js'

/** `upstream`: a response runs. `asked`: a `response.create` is on its way. `filler`: the line that is said while a tool takes long. */
export type Floor = 'free' | 'upstream' | 'asked' | 'filler'

export function floorOf({ active, ourRequest, clientRequest, filler }: Responses): Floor {
  if (active) return 'upstream'
  if (ourRequest || clientRequest) return 'asked'
  return filler ? 'filler' : 'free'
}

export function isFree(responses: Responses): boolean {
  return floorOf(responses) === 'free'
}

/**
 * Whether the relay may ask for a response now. `results`: the answer to tool results, which a draining session still gets. `turn`: the answer
 * to a spoken turn. `filler`, `line`: also not while the user speaks. `last`: the goodbye when the session's time is over, after which nothing
 * begins. A response that waits at the gate goes first. Never while the client is away.
 */
export function mayStart(state: SessionState, what: 'results' | 'turn' | 'filler' | 'line' | 'last'): boolean {
  if (!isFree(state.responses) || !isReady(state) || isAway(state)) return false
  if (what !== 'last' && state.manners?.parting?.how === 'maximum_length') return false
  if (state.call && mustWait(state.call)) return false
  if (what === 'results') return true
  // Where a call goes on, nobody will know of the turn.
  const isOver = state.life !== 'open' && !(state.call && what === 'turn')
  return !isOver && isOpen(state.gate) && !((what === 'filler' || what === 'line') && state.responses.userSpeaks)
}
