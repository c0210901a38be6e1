// The inputs of a source or a tool set in the tool tests: a caller, a context, and options with a readable log.
import type { Identity } from '../../src/ports/caller.js'
import type { ToolContext } from '../../src/ports/tools.js'
import type { SourceOptions } from '../../src/tools/source-options.js'

export const alice: Identity = {
  subject: 'alice',
  issuer: 'https://issuer.example',
  tokenId: 'token-id-1',
  expiresAtMs: 4_000_000_000_000,
  claims: { sub: 'alice', name: 'Alice Müller', exp: 4_000_000_000, iat: 1, jti: 'token-id-1', team: 'blue' },
}

export const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

export function contextFor(signal: AbortSignal = new AbortController().signal): ToolContext {
  return { identity: alice, sessionId: 'session-1', signal }
}

export interface TestOptions extends SourceOptions {
  /** Everything logged, as text. */
  readonly logged: string[]
}

export function testOptions(overrides: Partial<SourceOptions> = {}): TestOptions {
  const logged: string[] = []
  const write = (fields: object, message: string) => void logged.push(`${JSON.stringify(fields)} ${message}`)
  return { timeoutMs: 5000, maxBytes: 4096, baseDir: process.cwd(), log: { info: write, warn: write }, logged, ...overrides }
}
