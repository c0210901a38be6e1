// Guards on loopback for tests: options without proxy or Entra, and a context that nobody aborts.
import { pathToFileURL } from 'node:url'
import { Agent } from 'undici'
import { Secret } from '../../src/config/secret.js'
import type { GuardOptions } from '../../src/guards/guard-options.js'
import type { GuardContext } from '../../src/ports/guards.js'
import { createSharedLookup } from '../../src/tools/host-lookup.js'
import { canReach } from '../../src/tools/http-probe.js'
import { createModuleHost } from '../../src/tools/module-host.js'

export function guardOptions(change: Partial<GuardOptions> = {}): GuardOptions & { readonly logged: object[] } {
  const agent = new Agent()
  const logged: object[] = []
  const log = { info: () => undefined, warn: (fields: object) => void logged.push(fields) }
  const lookup = createSharedLookup()
  return {
    logged,
    dispatcherFor: () => agent,
    reaches: (url) => canReach(url.origin, { lookup, proxy: undefined }),
    digestOf: ({ subject }) => `digest of ${subject.length} letters`,
    startModule: (file) => createModuleHost(pathToFileURL(file), { maxBytes: 131_072, log, label: file }),
    tokensFor: () => ({ get: async () => new Secret('token-of-entra'), health: () => ({ status: 'ok', detail: 'valid' }), close: () => undefined }),
    log,
    close: () => agent.destroy(),
    ...change,
  }
}

export function contextOf(signal = new AbortController().signal): GuardContext {
  return { identity: { subject: 'alice', issuer: 'https://issuer.test' }, sessionId: 'sess_1', signal }
}

export const input = (text: string) => ({ side: 'input', text }) as const
export const output = (text: string) => ({ side: 'output', text }) as const
