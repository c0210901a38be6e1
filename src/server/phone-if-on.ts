// Loads the part that takes telephone calls if a carrier is configured, so that a relay without a telephone loads nothing of it.
import type { Phone } from './phone.js'
import type { PhoneDeps } from './phone-carriers.js'

/** Undefined: nobody calls by telephone. */
export async function startPhoneIfOn(deps: Omit<PhoneDeps, 'telephony'>): Promise<Phone | undefined> {
  const { telephony } = deps.config
  if (!telephony) return undefined
  const { startPhone } = await import('./phone.js')
  return startPhone({ ...deps, telephony })
}
