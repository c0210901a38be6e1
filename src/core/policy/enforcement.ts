// What the relay promises of a session's policy: to prevent, or only to notice and undo. It follows from the way that the session's media take.

/** `media-only`: no data channel, so the caller sends nothing but media. `shared`: the caller can send events to the upstream, past the relay. */
export type CallMode = 'media-only' | 'shared'

/**
 * `prevents`: an event that policy refuses never reaches the model. `prevents-control`: no control event exists, and audio passes unseen. `detects`: what
 * was refused is seen afterwards, undone, and counted.
 */
export type Enforcement = 'prevents' | 'prevents-control' | 'detects'

/** Undefined: no call, all of the session passes through the relay. */
export function enforcementOf(call: CallMode | undefined): Enforcement {
  if (call === undefined) return 'prevents'
  return call === 'media-only' ? 'prevents-control' : 'detects'
}
