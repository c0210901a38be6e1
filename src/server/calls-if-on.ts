// Loads the part that runs WebRTC calls if somebody may call, so that a relay without calls loads nothing of it.
import { webrtcIsOn } from '../config/webrtc.js'
import type { Relay } from '../relay/relay.js'
import type { CallRelay, Calls, CallsDeps } from './calls.js'

/** Undefined: WebRTC is off. */
export async function startCallsIfOn({ relay, ...deps }: Omit<CallsDeps, 'relay'> & { readonly relay: Relay }): Promise<Calls | undefined> {
  if (!webrtcIsOn(deps.config)) return undefined
  const { startCalls } = await import('./calls.js')
  return startCalls({ ...deps, relay: callRelayOf(relay) })
}

/** Throws for a relay without calls. */
function callRelayOf(relay: Relay & Partial<CallRelay>): CallRelay {
  const { openCall, claimCall, sessions } = relay
  if (!openCall || !claimCall) throw new Error('this relay has no calls')
  return { openCall, claimCall, sessions }
}
