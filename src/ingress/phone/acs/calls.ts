// The ACS calls of this process: answered, bound to their media socket and their callbacks, given their media again once, ended.
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { mayTryAgain, RefusalError, toWireClose } from '../../../core/protocol/errors.js'
import type { Link } from '../../../ports/link.js'
import type { AnsweredPhoneCall, PhoneDesk } from '../../../ports/phone.js'
import { within } from '../../../time/within.js'
import type { CallbackEvent } from './callbacks.js'
import type { AcsControl, AnswerAddresses } from './control.js'
import type { GridEvent } from './event-grid.js'
import { createAcsFraming } from './framing.js'
import { createLiveCall, factsOf, type LiveCall, nameOf } from './live-call.js'

export interface AcsLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface AcsCallsDeps {
  readonly desk: PhoneDesk
  readonly control: AcsControl
  /** Where a call's media and callbacks are to come, by its ticket and the name of its callbacks. */
  readonly addresses: (ticket: string, name: string) => AnswerAddresses
  readonly log: AcsLog
  /** Shorter in tests. */
  readonly times?: Partial<AcsTimes>
}

export interface AcsTimes {
  /** Media or a callback can come before the answer that names the call: it waits so long for that. */
  readonly answerMs: number
  /** After a lost media socket, for the word that the call is over. Shorter than the desk waits for another socket. */
  readonly graceMs: number
}

const TIMES: AcsTimes = { answerMs: 5000, graceMs: 1000 }
/** After the end of its session, wherever that is heard of. A call whose answer failed here may have been answered there: its media are hung up. */
const FORGET_MS = 60_000
const MAX_NAMES = 20_000

export interface AcsCalls {
  /** Never rejects: whatever goes wrong ends the call. */
  answer(incoming: Extract<GridEvent, { type: 'incoming' }>): Promise<void>
  /** The call of a media socket whose token was checked. Rejects with a `RefusalError`. */
  enter(ticket: string, connectionId: string): Promise<LiveCall>
  attach(call: LiveCall, link: Link, socket: Socket): void
  /** Events of a request whose token was checked, at the path with this name. Never rejects. */
  hear(name: string, events: readonly CallbackEvent[]): Promise<void>
}

export function createAcsCalls({ desk, control, addresses, log, times }: AcsCallsDeps): AcsCalls {
  const { answerMs, graceMs } = { ...TIMES, ...times }
  /** By the name of their callbacks, which is derived from the ticket: whoever redeems it, on any instance, knows the name too. */
  const calls = new Map<string, LiveCall>()

  function keep(name: string, call: LiveCall): void {
    if (calls.get(name) === call) return
    calls.set(name, call)
    const forget = () => {
      if (calls.get(name) === call) calls.delete(name)
    }
    void call.phone?.ended.then(() => setTimeout(forget, FORGET_MS).unref())
    const [oldest] = calls.keys()
    if (calls.size > MAX_NAMES && oldest !== undefined) calls.delete(oldest)
  }

  /** The desk has told of its refusals. */
  async function refuse(context: string, error: unknown): Promise<void> {
    const code = error instanceof RefusalError ? error.code : 'internal'
    if (!(error instanceof RefusalError)) log.error({ err: error }, 'telephone call refused: it could not be opened')
    await control.reject(context, mayTryAgain(code) ? 'busy' : 'forbidden').catch((problem: unknown) => log.warn(factsOf(problem), 'caller not refused at the carrier'))
  }

  /** Ends what is left of a call at both ends. */
  async function end(call: LiveCall): Promise<void> {
    call.isAwaited = false
    call.phone?.over()
    await call.line.hangUp().catch((error: unknown) => log.warn({ sessionId: call.phone?.sessionId, ...factsOf(error) }, 'call not hung up at the carrier'))
  }

  /** The service says that the call is over, or never was. */
  function over(call: LiveCall): void {
    call.isOver = true
    call.isAwaited = false
    call.transfers.over()
    call.phone?.over()
  }

  /** The stream cannot be resumed; the service can be asked to begin it again, if the call still stands. Whether one comes in time, the desk looks after. */
  async function mediaLost(call: LiveCall): Promise<void> {
    call.hasMedia = false
    await delay(graceMs, undefined, { ref: false })
    await call.transfers.idle()
    const id = await call.connection
    if (call.isOver || call.hasMedia || call.wasRestarted || id === undefined) return
    const sessionId = call.phone?.sessionId
    log.warn({ sessionId }, 'media socket lost: asking for it once more')
    call.wasRestarted = true
    call.isAwaited = true
    try {
      await control.startMedia(id)
    } catch (error) {
      log.warn({ sessionId, ...factsOf(error) }, 'media socket not asked for again')
      await end(call)
    }
  }

  /** Nobody would say a word until the desk gives up. The first word of it, however late, is of the first stream: that the second is awaited it does not change. */
  function mediaFailed(call: LiveCall): void {
    const isLate = call.isAwaited && !call.hasFailed
    call.hasFailed = true
    if (!call.hasMedia && !isLate) void (call.wasRestarted ? end(call) : mediaLost(call))
  }

  /** The callback that tells of a transfer may come to another instance. Media that end during one are a reason to ask. */
  async function askIfTransferred(call: LiveCall): Promise<void> {
    if (!call.transfers.areUnderWay) return
    await delay(graceMs, undefined, { ref: false })
    const id = await call.connection
    if (id === undefined || !call.transfers.areUnderWay) return
    if (await control.isGone(id).catch(() => false)) over(call)
  }

  async function hearOne(call: LiveCall, name: string, event: CallbackEvent): Promise<void> {
    const { type, operation, code, subCode } = event
    const sessionId = call.phone?.sessionId
    const facts = { sessionId, code, subCode }
    switch (type) {
      case 'disconnected':
        calls.delete(name)
        return over(call)
      case 'answer_failed':
        log.warn(facts, 'AnswerFailed: ACS could not answer the call')
        calls.delete(name)
        return over(call)
      case 'media_failed':
        log.warn(facts, 'MediaStreamingFailed: ACS could not reach the media socket')
        return mediaFailed(call)
      case 'transferred':
        return call.transfers.settle(operation, true)
      case 'transfer_failed':
        log.warn(facts, 'CallTransferFailed: ACS could not transfer the call')
        return call.transfers.settle(operation, false)
      default:
        log.debug({ sessionId, event: type }, 'carrier says')
    }
  }

  return {
    async answer({ context, ring }) {
      const { call, answered } = createLiveCall(control, mediaLost)
      let phone: AnsweredPhoneCall
      try {
        phone = await desk.answer(ring, call.line, createAcsFraming())
      } catch (error) {
        answered(undefined)
        return refuse(context, error)
      }
      call.phone = phone
      const { sessionId } = phone
      const ticket = await desk.ticketFor(phone, ring).catch(() => undefined)
      if (ticket === undefined) {
        answered(undefined)
        over(call)
        log.info({ sessionId, code: 'internal', why: 'no_ticket' }, 'telephone call refused')
        return refuse(context, new RefusalError('internal', 'no_ticket'))
      }
      const name = nameOf(ticket)
      // Before the service is asked: its media may be here before its answer.
      keep(name, call)
      try {
        answered(await control.answer(context, addresses(ticket, name)))
        log.info({ sessionId }, 'telephone call answered')
      } catch (error) {
        answered(undefined)
        over(call)
        log.warn({ sessionId, ...factsOf(error) }, 'telephone call not answered at the carrier')
      }
    },

    async enter(ticket, connectionId) {
      const name = nameOf(ticket)
      const known = calls.get(name)
      if (known) {
        const expected = await within(answerMs, known.connection, () => undefined)
        if (expected === undefined && known.isOver) await control.hangUp(connectionId).catch(() => undefined)
        if (expected === undefined) throw new RefusalError('forbidden', 'not_answered')
        if (expected !== connectionId) throw new RefusalError('forbidden', 'other_call')
      }
      const elsewhere = createLiveCall(control, mediaLost)
      elsewhere.answered(connectionId)
      const redeemed = await desk.redeem(ticket, () => ({ line: elsewhere.call.line, framing: createAcsFraming() }))
      if (!redeemed && known?.isAwaited) {
        known.isAwaited = false
        return known
      }
      if (!redeemed) throw new RefusalError('forbidden', 'unknown_ticket')
      const call = known && known.phone === redeemed.call ? known : elsewhere.call
      call.phone = redeemed.call
      keep(name, call)
      return call
    },

    attach(call, link, socket) {
      if (call.phone?.attach(link, { onLost: () => void mediaLost(call) })) {
        call.hasMedia = true
        socket.once('close', () => {
          call.hasMedia = false
          void askIfTransferred(call)
        })
        return
      }
      const { code, reason } = toWireClose('session_over')
      link.close(code, reason)
      if (!call.hasMedia) void end(call)
    },

    async hear(name, events) {
      const call = calls.get(name)
      const id = call && (await within(answerMs, call.connection, () => undefined))
      for (const event of events) {
        if (!call) log.debug({ event: event.type }, 'callback of a call that is not here')
        else if (id === undefined || event.connectionId !== id) log.warn({ sessionId: call.phone?.sessionId }, 'callback of another call dropped')
        else await hearOne(call, name, event)
      }
    },
  }
}
