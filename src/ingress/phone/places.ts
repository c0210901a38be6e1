// Counts a telephone call in four places: this process, its caller, the number that was called, and all calls of all relays.
import { RefusalError } from '../../core/protocol/errors.js'
import type { Lease, SessionLeases } from '../../ports/store.js'
import type { PhoneCaller } from './caller.js'

export interface PlaceLimits {
  readonly perCaller: number
  /** Of all who withhold their number. */
  readonly withheld: number
  readonly perNumber: number
  readonly total: number
}

const RETRY_SECONDS = 5
/** No subject of a token has a control character. */
const APART = '\u0000'

/**
 * Resolves to what frees them all. `moved`: the places that the call has on another instance are counted still. Rejects with `too_many_sessions`, and
 * holds nothing then.
 */
export async function takePlaces(
  leases: SessionLeases,
  { subject, isWithheld, numberDigest }: Pick<PhoneCaller, 'subject' | 'isWithheld' | 'numberDigest'>,
  sessionId: string,
  limits: PlaceLimits,
  moved: boolean,
): Promise<() => void> {
  const places = [
    [subject, isWithheld ? limits.withheld : limits.perCaller, 'caller_full'],
    [`${APART}called ${numberDigest}`, limits.perNumber, 'number_full'],
    [`${APART}calls`, limits.total, 'calls_full'],
  ] as const
  const taken: Lease[] = []
  const release = () => {
    for (const lease of taken.splice(0)) lease.release()
  }
  try {
    for (const [owner, most, why] of places) {
      const lease = await leases.lease(owner, sessionId, most + (moved ? 1 : 0))
      if (!lease) throw new RefusalError('too_many_sessions', why, RETRY_SECONDS)
      taken.push(lease)
    }
    return release
  } catch (error) {
    release()
    throw error
  }
}
