// What a module tool looks like: types for those who write one, nothing at run time.

/** Who is calling, from the verified token alone. No token, token id or expiry is part of it. */
export interface ToolCaller {
  /** The token's `sub`. */
  readonly subject: string
  readonly issuer: string | undefined
  readonly claims: Readonly<Record<string, unknown>>
}

export interface ToolEnvironment {
  readonly identity: ToolCaller
  /** Aborts when the caller leaves, the response is cancelled or the time limit passes. A tool that blocks its thread instead is ended with the thread. */
  readonly signal: AbortSignal
  /** Writes one line (1000 characters at most) to the relay's log. Keep secrets and speech out of it. */
  log(message: string): void
}

/**
 * A tool as a function: `export const lookupOrder: Tool<{ id: string }> = async ({ id }, { identity }) => …`.
 * `args` has passed the declared JSON schema. What it returns is read by the model: a string as it is, anything else as JSON.
 * What it throws is never shown to the model; return a sentence to say what went wrong.
 */
export type Tool<Args = Readonly<Record<string, unknown>>> = (args: Args, environment: ToolEnvironment) => unknown
