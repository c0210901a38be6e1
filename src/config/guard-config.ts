// The shape of the guards of a valid configuration.
import type { GuardMode, GuardSide } from '../core/policy/guards.js'
import type { Secret } from './secret.js'

export interface DenyPattern {
  /** In RE2's syntax. */
  readonly pattern: string
  readonly category: string
}

export interface RedactPattern extends DenyPattern {
  /** What stands instead of each match, as it is. */
  readonly replacement: string
}

export type GuardRun =
  | { readonly kind: 'patterns'; readonly deny: readonly DenyPattern[]; readonly redact: readonly RedactPattern[]; readonly ignoreCase: boolean }
  | {
      readonly kind: 'http'
      readonly url: URL
      readonly headers: Readonly<Record<string, Secret>>
      /** The endpoint gets a digest of the user's name. */
      readonly subject: boolean
    }
  /** Absolute path of a file that exports `check`. */
  | { readonly kind: 'module'; readonly file: string }
  | {
      readonly kind: 'azure'
      readonly endpoint: URL
      /** If absent, Entra ID is used. */
      readonly apiKey: Secret | undefined
      readonly scope: string
      readonly apiVersion: string
      /** By category of the service, the severity from which text is blocked. Empty: text is not analysed. */
      readonly categories: Readonly<Record<string, number>>
      readonly blocklists: readonly string[]
      readonly promptShield: boolean
    }

export interface GuardConfig {
  readonly name: string
  readonly on: readonly GuardSide[]
  readonly mode: GuardMode
  readonly timeoutMs: number
  readonly whenUnsure: 'pass' | 'block'
  readonly run: GuardRun
}
