// Says how long to wait before something that keeps ending is tried again: longer each time, never in step with others, up to a cap.

interface BackoffOptions {
  /** Pause before the first attempt that has to wait, in milliseconds. */
  readonly firstMs: number
  readonly longestMs: number
  /** What held for this long counts as good: the count begins anew. */
  readonly goodAfterMs: number
  /** Ends in a row that cost no pause. */
  readonly free?: number
}

export interface Backoff {
  /** After something ended that held for `heldMs`; 0 if it never began. Returns the pause before the next attempt. */
  ended(heldMs: number): number
  /** How many ended too soon, one after the other. */
  readonly quickEnds: number
}

export function createBackoff({ firstMs, longestMs, goodAfterMs, free = 0 }: BackoffOptions): Backoff {
  let quickEnds = 0
  return {
    ended(heldMs) {
      quickEnds = heldMs >= goodAfterMs ? 1 : quickEnds + 1
      if (quickEnds <= free) return 0
      const full = Math.min(longestMs, firstMs * 2 ** Math.min(quickEnds - free - 1, 16))
      return full * (0.5 + Math.random() / 2)
    },
    get quickEnds() {
      return quickEnds
    },
  }
}
