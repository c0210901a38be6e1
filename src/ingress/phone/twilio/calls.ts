// The calls whose session is here: their framing, their media socket, and their line, which needs no key of Twilio: it closes the socket, and Twilio asks what next.
import type { Socket } from 'node:net'
import type { Link } from '../../../ports/link.js'
import type { AnsweredPhoneCall, Line } from '../../../ports/phone.js'
import { createTwilioFraming, type TwilioFraming } from './framing.js'
import type { Parcels } from './parcels.js'

/** From the answer until the media socket: longer than a ticket lives. */
const WAIT_MS = 60_000
/** After the end of a media socket, within which another may take its place or a transfer be asked for. */
const AFTER_MS = 20_000
/** Twilio asks within a second. */
const TRANSFER_MS = 10_000
const TRANSFER_POLL_MS = 250
const NORMAL = 1000

export interface TwilioCall {
  /** Of no stream yet. Each media socket has its own. */
  readonly framing: TwilioFraming
  readonly line: Line
  /** The session ended by itself, so that nothing is to be done with the caller but hang up. */
  readonly isHungUp: boolean
  /** Set once the desk has answered. */
  answered: AnsweredPhoneCall | undefined
  /** Media flow here now. Forgets the call some time after that socket. */
  opened(link: Link, socket: Socket): void
  /** Twilio asks what next, so its media socket is gone, also if this side has not noticed. */
  cut(): void
  /** Twilio has been told where to transfer the call. */
  transferred(): void
}

export interface TwilioCalls {
  find(call: string): TwilioCall | undefined
  /** Makes what the desk needs for this call, and keeps it until some time after its media. */
  add(call: string): TwilioCall
  /** Nothing came of it. */
  remove(call: string): void
  /** Ends every timer. */
  close(): void
}

const ignore = () => undefined

interface Here extends TwilioCall {
  timer: NodeJS.Timeout
}

export function createTwilioCalls(parcels: Parcels): TwilioCalls {
  const calls = new Map<string, Here>()

  function add(call: string): TwilioCall {
    remove(call)
    let media: { readonly link: Link; readonly socket: Socket } | undefined
    let hadMedia = false
    let isTransfer = false
    let isHungUp = false
    let onTransferred: (() => void) | undefined

    const line: Line = {
      async hangUp() {
        if (isTransfer) return
        isHungUp = true
        // After a lost socket Twilio has asked already, or goes on with another instance.
        if (media || !hadMedia) await parcels.takeNext(call)
        media?.link.close(NORMAL, '')
      },
      async transfer(target) {
        if (!media || isTransfer || target === '') throw new Error('the call cannot be transferred now')
        isTransfer = true
        const { link } = media
        try {
          await parcels.keepNext(call, { type: 'transfer', target })
          const taken = asked()
          link.close(NORMAL, '')
          if (await taken) return
          await parcels.takeNext(call)
        } finally {
          isTransfer = false
        }
        throw new Error('the carrier did not ask where to transfer the call')
      },
    }

    /** Whether this instance or another one has told Twilio where to. */
    function asked(): Promise<boolean> {
      return new Promise((resolve) => {
        const settle = (was: boolean) => {
          clearInterval(poll)
          clearTimeout(deadline)
          onTransferred = undefined
          resolve(was)
        }
        const poll = setInterval(() => parcels.wasTransferred(call).then((was) => was && settle(true), ignore), TRANSFER_POLL_MS)
        const deadline = setTimeout(() => settle(false), TRANSFER_MS)
        // A relay that ends waits for no carrier.
        poll.unref()
        deadline.unref()
        onTransferred = () => settle(true)
      })
    }

    const here: Here = {
      framing: createTwilioFraming(),
      line,
      get isHungUp() {
        return isHungUp
      },
      answered: undefined,
      timer: setTimeout(() => remove(call), WAIT_MS),
      opened(link, socket) {
        clearTimeout(here.timer)
        hadMedia = true
        const own = { link, socket }
        media = own
        socket.once('close', () => {
          if (media !== own) return
          media = undefined
          if (calls.get(call) === here) here.timer = setTimeout(() => remove(call), AFTER_MS)
        })
      },
      cut: () => media?.socket.destroy(),
      transferred: () => onTransferred?.(),
    }
    calls.set(call, here)
    return here
  }

  function remove(call: string): void {
    const here = calls.get(call)
    if (!here) return
    clearTimeout(here.timer)
    calls.delete(call)
  }

  return {
    find: (call) => calls.get(call),
    add,
    remove,
    close() {
      for (const call of [...calls.keys()]) remove(call)
    },
  }
}
