// Types for those who write a module tool. Nothing of this exists at run time.

/** Who is calling, from the verified token alone. No token, token id or expiry is part of it. */
export interface ToolCaller {
  /** The token's `sub`. */
  readonly subject: string
  readonly issuer: string | undefined
  readonly claims: Readonly<Record<string, unknown>>
}

export interface ToolEnvironment {
  readonly identity: ToolCaller
  /** Aborts when the caller leaves, the response is cancelled or the time limit passes. If the tool blocks its thread, the thread is ended. */
  readonly signal: AbortSignal
  /** What the caller has pressed on the telephone, if the profile has keys for tools. May be a card number. */
  readonly keys?: string | undefined
  /** Writes one line (1000 characters at most) to the relay's log. Keep secrets and speech out of it. */
  log(message: string): void
}

/**
 * A tool as a function: `export const lookupOrder: Tool<{ id: string }> = async ({ id }, { identity }) => …`.
 * `args` has passed the declared JSON schema. With `bigIntegers` in its `run`, whole numbers beyond 2^53 arrive as `bigint`. The model reads what the function returns: a string as it is, anything else as JSON.
 * The model never sees what it throws. Return a sentence to say what went wrong.
 */
export type Tool<Args = Readonly<Record<string, unknown>>> = (args: Args, environment: ToolEnvironment) => unknown
