// What every link over a WebSocket is given: how often it pings, and the longest message it takes.

export interface LinkOptions {
  /**
   * Milliseconds. A ping is sent at the latest after this long without traffic in a direction. A peer that sends nothing at all, not even a pong, for two
   * intervals (three at most) is cut off as 1006.
   */
  readonly pingIntervalMs: number
  /** Longest message; a longer one ends the link as 1009. */
  readonly maxPayloadBytes: number
}
