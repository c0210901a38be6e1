// What records do not keep: what the guards of a profile redact by patterns. The library is loaded only if there are any.
import type { Config } from '../config/config.js'
import type { GuardConfig, GuardRun } from '../config/guard-config.js'
import type { SessionProfile } from '../core/policy/profile.js'

type Redact = (text: string) => string
type Library = typeof import('../guards/patterns.js')

export interface Redactions {
  readonly ready: Promise<void>
  /** Guards in force from now on. Sessions that are open keep theirs. */
  configured(version: Pick<Config, 'guards'>): void
  for(profile: Pick<SessionProfile, 'guards'>): Redact
}

/** Until the library is there, nothing is kept of a text that a pattern might be in. */
const NOT_READY: Redact = () => '[redacted]'
const AS_IT_IS: Redact = (text) => text

export function createRedactions(first: readonly GuardConfig[]): Redactions {
  let guards = first
  let library: Library | undefined
  const made = new WeakMap<object, Redact>()

  async function load(): Promise<void> {
    if (library === undefined && guards.some(redacts)) library = await import('../guards/patterns.js')
  }

  return {
    ready: load(),
    configured(version) {
      guards = version.guards
      void load()
    },
    for({ guards: policy }) {
      const names = new Set(policy?.guards.map(({ name }) => name))
      const runs = guards.filter((guard) => names.has(guard.name) && redacts(guard)).map(({ run }) => run as Extract<GuardRun, { kind: 'patterns' }>)
      if (!policy || runs.length === 0) return AS_IT_IS
      if (!library) return NOT_READY
      const known = made.get(policy) ?? library.createRedaction(runs)
      made.set(policy, known)
      return known
    },
  }
}

function redacts({ run }: GuardConfig): boolean {
  return run.kind === 'patterns' && run.redact.length > 0
}
