// What any instance may have to know of a call when Twilio asks for it again: what to do next with it, and what was answered already.
import { createHash, hkdfSync } from 'node:crypto'
import type { CallTickets } from '../../../ports/call-records.js'
import { seal, unseal } from '../../../seal/sealed.js'

/** What is to be done if Twilio asks. Nothing kept: the call is hung up. */
export type Next = { readonly type: 'transfer'; readonly target: string } | { readonly type: 'again' }

export interface Parcels {
  /** Replaces what was kept for this call before. */
  keepNext(call: string, next: Next): Promise<void>
  /** Once: whoever takes it does it. */
  takeNext(call: string): Promise<Next | undefined>
  /** The instance that answers a transfer tells the one that asked for it. */
  sayTransferred(call: string): Promise<void>
  wasTransferred(call: string): Promise<boolean>
  /** The first answer to a call, for a request that comes twice. */
  keepAnswer(call: string, twiml: string): Promise<void>
  takeAnswer(call: string): Promise<string | undefined>
}

const PURPOSE = 'realtime relay: twilio calls 1'
const KEY_BYTES = 32
const SAID_MS = 30_000
const ANSWER_MS = 60_000
/** An hour more than the longest call, for what Twilio needs before and after. */
const SPARE_MS = 3_600_000

/** The keys come of the auth tokens, which all instances have. While they are rotated, an instance may still have one of both alone. */
export function createParcels(tickets: CallTickets, authTokens: readonly string[], maxCallMs: number): Parcels {
  const keys = authTokens.map((token) => Buffer.from(hkdfSync('sha256', token, '', PURPOSE, KEY_BYTES)))
  const nameOf = (what: string, call: string) => createHash('sha256').update(`twilio ${what} ${call}`).digest('hex')

  async function keep(what: string, call: string, text: string, ttlMs: number): Promise<void> {
    const name = nameOf(what, call)
    await tickets.keep(name, seal(name, text, keys), ttlMs)
  }

  async function take(what: string, call: string): Promise<string | undefined> {
    const name = nameOf(what, call)
    const sealed = await tickets.take(name)
    for (const key of sealed ? keys : []) {
      const text = sealed && unseal(name, sealed, key)
      if (text !== undefined) return text
    }
    return undefined
  }

  return {
    keepNext: (call, next) => keep('next', call, next.type === 'again' ? '' : next.target, maxCallMs + SPARE_MS),
    async takeNext(call) {
      const target = await take('next', call)
      if (target === undefined) return undefined
      return target === '' ? { type: 'again' } : { type: 'transfer', target }
    },
    sayTransferred: (call) => keep('transferred', call, '', SAID_MS),
    wasTransferred: async (call) => (await take('transferred', call)) !== undefined,
    keepAnswer: (call, twiml) => keep('answer', call, twiml, ANSWER_MS),
    takeAnswer: (call) => take('answer', call),
  }
}
