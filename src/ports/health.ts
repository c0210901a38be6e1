// How well a part works, for `/readyz`, `check` and the start.

export interface Health {
  /** `degraded`: sessions go on, something is missing. `down`: new sessions cannot work. */
  readonly status: 'ok' | 'degraded' | 'down'
  /** For operators. It may name a tool source or a host, never a secret. */
  readonly detail: string
}
