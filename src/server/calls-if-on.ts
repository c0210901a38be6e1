// Loads what runs calls by WebRTC or SIP if somebody may call, so that a relay without calls loads nothing of it.
import { webrtcIsOn } from '../config/webrtc.js'
import type { CallParts, CallsDeps } from './call-parts.js'
import type { WebrtcCalls } from './calls.js'

export interface StartedCalls extends CallParts {
  /** Absent: nobody places calls by WebRTC, and nobody attaches to one. */
  readonly webrtc?: WebrtcCalls
}

/** Undefined: WebRTC and SIP are off. */
export async function startCallsIfOn(deps: CallsDeps): Promise<StartedCalls | undefined> {
  const webrtc = webrtcIsOn(deps.config)
  if (!webrtc && !deps.config.telephony?.sip) return undefined
  const { startCallParts } = await import('./call-parts.js')
  const parts = startCallParts(deps)
  return webrtc ? { ...parts, webrtc: (await import('./calls.js')).startWebrtc(deps, parts) } : parts
}
