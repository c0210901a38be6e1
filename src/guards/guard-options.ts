// Says what guards are built with: ways to hosts, threads for modules, tokens, and a log. The composition root has them from other rooms.
import type { Dispatcher } from 'undici'
import type { Secret } from '../config/secret.js'
import type { GuardContext } from '../ports/guards.js'
import type { Health } from '../ports/health.js'

/** A thread that has loaded a file of the admin's. */
export interface GuardModule {
  /** Resolves to the names of the exported functions, or to undefined if the file does not load. */
  start(): Promise<readonly string[] | undefined>
  /** Resolves to what the function returned, as JSON. Aborting ends the call, and the thread as well if the module blocks it. */
  call(exportName: string, args: unknown, caller: { readonly identity: unknown }, signal: AbortSignal): Promise<string>
  healthy(): boolean
  close(): Promise<void>
}

/** Tokens of Entra ID for one scope. */
export interface GuardTokens {
  get(signal: AbortSignal, timeoutMs: number): Promise<Secret>
  health(): Health
  close(): void
}

export interface GuardOptions {
  /** The way to a host, through the company's proxy if there is one. */
  dispatcherFor(url: URL): Dispatcher
  /** Whether a host accepts a connection. */
  reaches(url: URL): Promise<boolean>
  /** Names a user to an endpoint without telling who it is. */
  digestOf(identity: GuardContext['identity']): string
  startModule(file: string): GuardModule
  tokensFor(scope: string): GuardTokens
  readonly log: { warn(fields: object, message: string): void }
  /** Closes what the functions above opened. */
  close(): Promise<void>
}
