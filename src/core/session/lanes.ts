// Where a session stands, in two dimensions, and what each side's audio may do there without asking.

/** `draining`: what is at work may finish. `parked`: there is no client, and the upstream is read only for what was used. */
export type Life = 'open' | 'draining' | 'parked' | 'closed'

/**
 * `dialling`: from the dial to the upstream's first event. `configuring`: until our configuration is seen in force. `replaying`: until a new leg
 * knows the conversation. `lost`: there is no upstream.
 */
export type UpstreamPhase = 'dialling' | 'configuring' | 'replaying' | 'ready' | 'lost'

/** `pass`: audio frames go on without `step`. `parse`: every frame goes through `step`. `hold`: frames wait in order. `drop`: nothing is read. */
export type Lane = 'pass' | 'parse' | 'hold' | 'drop'

export interface Lanes {
  readonly client: Lane
  readonly upstream: Lane
}

const OVER: Lanes = { client: 'drop', upstream: 'drop' }
const PARKED: Lanes = { client: 'drop', upstream: 'parse' }

const LANES: Readonly<Record<UpstreamPhase, Lanes>> = {
  dialling: { client: 'hold', upstream: 'parse' },
  configuring: { client: 'hold', upstream: 'parse' },
  replaying: { client: 'hold', upstream: 'parse' },
  ready: { client: 'pass', upstream: 'pass' },
  lost: { client: 'hold', upstream: 'drop' },
}

/** The quota is used up, or the audio goes by WebRTC: that of the client is looked at, and refused. */
const SPENT: Lanes = { client: 'parse', upstream: 'pass' }

/** `rewrites`: what the upstream says has other ids than the client knows, so none of it passes unread. */
export function lanesFor(life: Life, phase: UpstreamPhase, takesNoAudio: boolean, rewrites = false): Lanes {
  if (life === 'closed') return OVER
  if (life === 'parked') return PARKED
  const lanes = takesNoAudio && phase === 'ready' ? SPENT : LANES[phase]
  return rewrites && phase === 'ready' ? { ...lanes, upstream: 'parse' } : lanes
}
