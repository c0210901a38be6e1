// The shape of a valid configuration of telephony. Durations are milliseconds.
import type { Secret } from './secret.js'

export interface TelephonyConfig {
  /** The relay's own address as carriers know it, `https`, without path. Signatures are checked against it and never against a header. */
  readonly publicUrl: URL
  /** Called number (E.164, or a SIP user) → profile. `*`: any other number; absent: other numbers are refused. */
  readonly profiles: Readonly<Record<string, string>>
  /** What a caller hears, by the carrier's own voice, if media are lost for good. Undefined: the call ends without a word. */
  readonly lostLine?: string | undefined
  /** Callers: numbers, or beginnings of numbers that end with `*`. `allow` undefined: all that `deny` does not name. */
  readonly callers: { readonly allow: readonly string[] | undefined; readonly deny: readonly string[] }
  /** Whether callers without a number may come in. */
  readonly withheld: 'allow' | 'refuse'
  /** Calls at once of one caller, of all who withhold their number, to one called number, and in all; and calls of one caller in an hour. */
  readonly limits: { readonly perCaller: number; readonly withheld: number; readonly perNumber: number; readonly total: number; readonly perCallerPerHour: number }
  /** Claim → where it comes from: `from`, `to`, `carrier`, `header:<name>`, or `text:<fixed words>`. Never a ground for authorization by itself. */
  readonly claims: Readonly<Record<string, string>>
  readonly acs: AcsConfig | undefined
  readonly twilio: { readonly authTokens: readonly Secret[]; readonly accountSid: string | undefined } | undefined
  readonly sip: { readonly webhookSecrets: readonly Secret[] } | undefined
}

export interface AcsConfig {
  /** Plain http on loopback only. */
  readonly endpoint: URL
  /** Of the connection string. Undefined: Entra. */
  readonly accessKey: Secret | undefined
  /** Of the Entra token, if there is no access key. */
  readonly scope: string
  /** The audience of tokens: the resource's immutable id. */
  readonly resourceId: string
  readonly issuer: string
  readonly keysUrl: URL
  /** How Event Grid proves itself: a secret in the query (two while it is rotated), or a token of one's own tenant. At least one. */
  readonly eventGrid: {
    readonly secrets: readonly Secret[]
    readonly token: { readonly issuer: string; readonly audience: string; readonly appId: string | undefined; readonly keysUrl: URL } | undefined
  }
}
