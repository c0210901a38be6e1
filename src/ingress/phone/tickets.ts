// Single-use names of media sockets: the store has a digest of the ticket, and of the call only what the ticket opens.
import { createHash, hkdfSync, randomBytes } from 'node:crypto'
import { isObject, type Json } from '../../core/protocol/events.js'
import type { CallTickets } from '../../ports/call-records.js'
import type { Carrier, Ring } from '../../ports/phone.js'
import { seal, unseal } from '../../seal/sealed.js'

/** 128 bits. */
const TICKET_BYTES = 16
const KEY_BYTES = 32
const PURPOSE = 'realtime relay: media ticket 1'
const MOST_CHARS = 256
const CARRIERS: readonly string[] = ['acs', 'twilio', 'sip'] satisfies readonly Carrier[]

export interface MediaTickets {
  /** What the store knows a ticket by. */
  nameOf(ticket: string): string
  issue(ring: Ring): Promise<{ readonly ticket: string; readonly name: string }>
  redeem(ticket: string): Promise<{ readonly ring: Ring; readonly name: string } | undefined>
  /** Nobody can redeem it any more. False: somebody has. Rejects if the store is unreachable. */
  withdraw(name: string): Promise<boolean>
  /** Rejects if the store is unreachable. */
  isOpen(name: string): Promise<boolean>
}

/** `lifeMs`: how long it can be redeemed; the store keeps it for `keptMs`, so that whoever issued it can tell used from old. */
export function createMediaTickets(store: CallTickets, lifeMs: number, keptMs: number, now: () => number): MediaTickets {
  const nameOf = (ticket: string) => createHash('sha256').update(ticket).digest('hex')
  const keyOf = (ticket: string, name: string) => Buffer.from(hkdfSync('sha256', ticket, name, PURPOSE, KEY_BYTES))
  return {
    nameOf,
    async issue(ring) {
      const ticket = randomBytes(TICKET_BYTES).toString('base64url')
      const name = nameOf(ticket)
      await store.keep(name, seal(name, JSON.stringify({ ring, until: now() + lifeMs }), [keyOf(ticket, name)]), keptMs)
      return { ticket, name }
    },
    async redeem(ticket) {
      if (ticket.length > MOST_CHARS) return undefined
      const name = nameOf(ticket)
      const sealed = await store.take(name)
      const parcel = sealed && parsed(unseal(name, sealed, keyOf(ticket, name)))
      if (!isObject(parcel) || typeof parcel.until !== 'number' || parcel.until <= now()) return undefined
      const ring = ringIn(parcel.ring)
      return ring && { ring, name }
    },
    async withdraw(name) {
      return (await store.has(name)) && (await store.take(name)) !== undefined
    },
    isOpen: (name) => store.has(name),
  }
}

function ringIn(value: Json | undefined): Ring | undefined {
  if (!isObject(value)) return undefined
  const { carrier, carrierCallId, from, to, headers } = value
  if (typeof carrier !== 'string' || !CARRIERS.includes(carrier) || typeof carrierCallId !== 'string' || typeof to !== 'string' || !isObject(headers)) return undefined
  const texts = Object.entries(headers).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return { carrier: carrier as Carrier, carrierCallId, from: typeof from === 'string' ? from : undefined, to, headers: Object.fromEntries(texts) }
}

function parsed(text: string | undefined): Json | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Json)
  } catch {
    return undefined
  }
}
