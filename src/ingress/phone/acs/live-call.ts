// What is known of one ACS call, and what can be done to it at the service: its connection is named only by the answer, which may come after its media.
import type { AnsweredPhoneCall, Line } from '../../../ports/phone.js'
import { type AcsControl, AcsError } from './control.js'
import { digestOf } from './event-grid.js'
import { createTransfers, type Transfers } from './transfers.js'

export interface LiveCall {
  readonly line: Line
  readonly transfers: Transfers
  /** The id of its connection; undefined: it was not answered. */
  readonly connection: Promise<string | undefined>
  phone: AnsweredPhoneCall | undefined
  isOver: boolean
  hasMedia: boolean
  /** The media were asked for a second time. There is no third. */
  wasRestarted: boolean
  /** The service has said that its first stream failed. */
  hasFailed: boolean
  /** Its address may be dialled once more, though its ticket is used. */
  isAwaited: boolean
}

/** `answered` settles `connection`. `mediaMissed`: media that ended for a transfer are wanted again, since it failed. */
export function createLiveCall(
  control: AcsControl,
  mediaMissed: (call: LiveCall) => Promise<void>,
): { readonly call: LiveCall; readonly answered: (id: string | undefined) => void } {
  let answered: (id: string | undefined) => void = () => undefined
  const connection = new Promise<string | undefined>((resolve) => {
    answered = resolve
  })
  const transfers = createTransfers()

  async function transfer(target: string): Promise<void> {
    const id = await connection
    if (id === undefined || call.isOver) throw new AcsError('transfer', undefined, 'refused')
    try {
      await transfers.begin((operation) => control.transfer(id, target, operation))
    } catch (error) {
      if (!call.hasMedia) void mediaMissed(call)
      throw error
    }
  }

  async function hangUp(): Promise<void> {
    if (call.isOver) return
    call.isOver = true
    const id = await connection
    if (id !== undefined) await control.hangUp(id)
  }

  const call: LiveCall = {
    line: { hangUp, transfer },
    transfers,
    connection,
    phone: undefined,
    isOver: false,
    hasMedia: false,
    wasRestarted: false,
    hasFailed: false,
    isAwaited: false,
  }
  return { call, answered }
}

/** The name of a call's callbacks. Whoever redeems the ticket, on any instance, knows it too; nobody learns the ticket from it. */
export function nameOf(ticket: string): string {
  return digestOf(`callbacks of ${ticket}`)
}

/** An error's message is in no log line, so what may be said of the service's errors is said as fields. */
export function factsOf(error: unknown): object {
  return error instanceof AcsError ? { operation: error.operation, why: error.why, status: error.status } : { err: error }
}
