// Loads the routes of the carriers that are configured.
import type { FastifyBaseLogger } from 'fastify'
import type { Config } from '../config/config.js'
import type { TelephonyConfig } from '../config/telephony-config.js'
import type { PhoneRoutes } from '../ingress/phone/door.js'
import type { Metrics } from '../ops/metrics.js'
import type { AuditBook } from '../ports/audit.js'
import type { Recorder } from '../ports/notes.js'
import type { PhoneDesk } from '../ports/phone.js'
import type { NewSession, OpenSession } from '../ports/session.js'
import type { Store } from '../ports/store.js'
import type { LiveConfig } from '../profiles/live.js'
import type { CallParts } from './call-parts.js'
import { fetchOf } from './key-fetch.js'

export interface PhoneDeps {
  readonly config: Config
  readonly telephony: TelephonyConfig
  readonly live: LiveConfig
  readonly store: Store
  readonly relay: { readonly openSession: OpenSession; readonly sessions: { readonly count: number } }
  readonly metrics: Pick<Metrics, 'counter' | 'gauge'>
  readonly recorderOf: (session: Pick<NewSession, 'sessionId' | 'profile' | 'identity' | 'trace' | 'call'>) => Recorder
  /** Absent: there is no audit. */
  readonly audit?: AuditBook | undefined
  readonly log: Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn' | 'error' | 'level'>
  readonly draining: () => boolean
  readonly overloaded: () => boolean
  readonly unaudited?: () => boolean
  /** What holds calls of which no sound comes here. Absent: WebRTC and SIP are off. */
  readonly calls: CallParts | undefined
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

/** Each carrier's part is loaded only if the carrier is configured. */
export async function carrierRoutes(deps: CarrierDeps): Promise<readonly CarrierRoutes[]> {
  const { twilio, acs, sip } = deps.telephony
  return await Promise.all([...(twilio ? [twilioRoutes(deps, twilio)] : []), ...(acs ? [acsRoutes(deps, acs)] : []), ...(sip ? [sipRoutes(deps, sip)] : [])])
}

async function twilioRoutes({ config, telephony, desk, store, log }: CarrierDeps, twilio: NonNullable<TelephonyConfig['twilio']>): Promise<CarrierRoutes> {
  const { createTwilioRoutes } = await import('../ingress/phone/twilio/routes.js')
  const { maxSessionMs: maxCallMs } = config.limits
  return { routes: createTwilioRoutes({ desk, config: twilio, publicUrl: telephony.publicUrl, lostLine: telephony.lostLine, tickets: store.tickets, maxCallMs, log }) }
}

async function acsRoutes({ config, telephony, desk, log, draining, overloaded }: CarrierDeps, acs: NonNullable<TelephonyConfig['acs']>): Promise<CarrierRoutes> {
  const [{ createAcsRoutes }, { createAcsControl }, { createCarrierTokens }] = await Promise.all([
    import('../ingress/phone/acs/routes.js'),
    import('../ingress/phone/acs/control.js'),
    import('../auth/carrier-tokens.js'),
  ])
  const tokens = createCarrierTokens(acs, { fetch: fetchOf(config), now: Date.now })
  const control = createAcsControl(acs)
  return { routes: createAcsRoutes({ desk, publicUrl: telephony.publicUrl, tokens, control, log, isOpen: () => !draining() && !overloaded(), now: Date.now }), close: control.idle }
}

async function sipRoutes({ calls, desk, store, metrics, log, draining, overloaded }: CarrierDeps, sip: NonNullable<TelephonyConfig['sip']>): Promise<CarrierRoutes> {
  // Calls are loaded wherever SIP is configured.
  if (!calls) throw new Error('calls by SIP need the part that holds calls')
  const { startSip } = await import('./sip.js')
  return { routes: startSip({ sip, calls, desk, store, metrics, log, draining, overloaded }) }
}
