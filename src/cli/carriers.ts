// Opens a simulated carrier for `simulate-call`, with the credentials that the relay's own environment holds, and names the settings that the relay must have.
import type { SimulatedCarrier } from '../simulator/carriers/carrier.js'
import { UsageError } from './commands.js'

const CARRIERS = ['twilio', 'acs', 'sip'] as const
export type CarrierName = (typeof CARRIERS)[number]

export interface OpenedCarrier {
  readonly carrier: SimulatedCarrier
  /** Lines of an environment file. Credentials among them are the simulator's own. */
  readonly settings: readonly string[]
}

export function carrierNamed(name: string): CarrierName | undefined {
  return CARRIERS.find((one) => one === name)
}

export async function openCarrier(request: { readonly carrier: CarrierName; readonly url: string | undefined; readonly port: number | undefined }): Promise<OpenedCarrier> {
  throw new UsageError(`${request.carrier} cannot be simulated yet.`, 'simulate-call')
}
