// Loads the routes of the carriers that are configured.
import type { FastifyBaseLogger } from 'fastify'
import type { Config } from '../config/config.js'
import type { TelephonyConfig } from '../config/telephony-config.js'
import type { PhoneRoutes } from '../ingress/phone/door.js'
import type { Metrics } from '../ops/metrics.js'
import type { Recorder } from '../ports/notes.js'
import type { PhoneDesk } from '../ports/phone.js'
import type { NewSession, OpenSession } from '../ports/session.js'
import type { Store } from '../ports/store.js'
import type { LiveConfig } from '../profiles/live.js'
import type { CallParts } from './call-parts.js'

export interface PhoneDeps {
  readonly config: Config
  readonly telephony: TelephonyConfig
  readonly live: LiveConfig
  readonly store: Store
  readonly relay: { readonly openSession: OpenSession; readonly sessions: { readonly count: number } }
  /** What holds calls by SIP. Absent: SIP is off. */
  readonly calls: CallParts | undefined
  readonly metrics: Pick<Metrics, 'counter' | 'gauge'>
  readonly recorderOf: (session: Pick<NewSession, 'sessionId' | 'profile' | 'trace'>) => Recorder
  readonly log: Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn' | 'level'>
  readonly draining: () => boolean
  readonly overloaded: () => boolean
  /** The clock of sessions. */
  readonly steady: () => number
}

export interface CarrierDeps extends PhoneDeps {
  readonly desk: PhoneDesk
}

export interface CarrierRoutes {
  readonly routes: PhoneRoutes
  close?(): Promise<void>
}

export async function carrierRoutes(deps: CarrierDeps): Promise<readonly CarrierRoutes[]> {
  const { sip } = deps.telephony
  const found: CarrierRoutes[] = []
  if (sip && deps.calls) found.push({ routes: (await import('./sip.js')).startSip({ ...deps, sip, calls: deps.calls }) })
  return found
}
