// The relay's own tickets for WebRTC calls: random, good once and for a minute at most, and no key of the model's side.
import { createHash, hkdfSync, randomBytes } from 'node:crypto'
import type { CallDesk } from '../ports/call-desk.js'
import type { CallTickets } from '../ports/call-records.js'
import { openParcel, sealParcel } from './parcel.js'

const SECRET_BYTES = 32
const KEY_BYTES = 32
const PURPOSE = 'realtime relay: call ticket 1'

/** The store has a digest of the ticket and what only the ticket opens. */
export function createTickets(store: CallTickets): Pick<CallDesk, 'issue' | 'redeem'> {
  const nameOf = (ticket: string) => createHash('sha256').update(ticket).digest('hex')
  const keyOf = (ticket: string, name: string) => Buffer.from(hkdfSync('sha256', ticket, name, PURPOSE, KEY_BYTES))
  return {
    async issue({ identity, model, wishes }, ttlMs) {
      const ticket = `ek_${randomBytes(SECRET_BYTES).toString('base64url')}`
      const name = nameOf(ticket)
      const parcel = { identity, sessionId: '', mode: 'media-only', requestedModel: model, trace: undefined, wishes } as const
      await store.keep(name, sealParcel(name, parcel, keyOf(ticket, name)), ttlMs)
      return ticket
    },
    async redeem(ticket) {
      const name = nameOf(ticket)
      const sealed = await store.take(name)
      const parcel = sealed && openParcel(name, sealed, keyOf(ticket, name))
      return parcel && { identity: parcel.identity, model: parcel.requestedModel, wishes: parcel.wishes }
    },
  }
}
