// How well a part works, for `/readyz`, `check` and the start.

export interface Health {
  /** `degraded`: sessions go on, something is missing. `down`: new sessions cannot work. */
  readonly status: 'ok' | 'degraded' | 'down'
  /** Fixed words, no host, no secret. */
  readonly detail: string
}
