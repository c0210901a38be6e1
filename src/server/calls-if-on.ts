// Loads the part that runs WebRTC calls if somebody may call, so that a relay without calls loads nothing of it.
import { webrtcIsOn } from '../config/webrtc.js'
import type { Calls, CallsDeps } from './calls.js'

/** Undefined: WebRTC is off. */
export async function startCallsIfOn(deps: CallsDeps): Promise<Calls | undefined> {
  if (!webrtcIsOn(deps.config)) return undefined
  const { startCalls } = await import('./calls.js')
  return startCalls(deps)
}
