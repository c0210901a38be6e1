// What a session may ask of the line of its call by SIP: its end, and a transfer by the call's own carrier.
import { RefusalError } from '../core/protocol/errors.js'
import type { CallProvider, PlacedCall } from '../ports/calls.js'
import type { Line } from '../ports/phone.js'

const NUMBER = /^\+?[0-9]{3,20}$/
const ADDRESS = /^(tel|sips?):/i

export function createSipLine(provider: Pick<CallProvider, 'hangUp' | 'refer'>, placed: PlacedCall): Line {
  return {
    hangUp: () => provider.hangUp(placed),
    async transfer(target) {
      const uri = targetUri(target)
      if (uri === undefined) throw new RefusalError('bad_request', 'bad_transfer_target')
      await provider.refer(placed, uri)
    },
  }
}

/** A number becomes a `tel:` address. Undefined: no address at all. */
export function targetUri(target: string): string | undefined {
  const digits = target.replace(/[-.() ]/g, '')
  if (NUMBER.test(digits)) return `tel:${digits}`
  return ADDRESS.test(target) ? target : undefined
}
