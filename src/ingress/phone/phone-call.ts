// One telephone call of this process, from its answer to its end: it waits for its media socket, outlives the loss of one, and is hung up if it ends here.
import type { Link } from '../../ports/link.js'
import type { Line, MediaFraming, MediaSocket } from '../../ports/phone.js'
import { type GapKind, PhoneLink } from './phone-link.js'

/** What became of a media socket that was lost: another came, none did, or it was the second. */
export const LOSS_ENDS = ['back', 'not_back', 'again'] as const
export type LossEnd = (typeof LOSS_ENDS)[number]

export interface PhoneCallDeps {
  readonly line: Line
  readonly framing: MediaFraming
  /** The session's own clock. */
  readonly now: () => number
  readonly onFilled: (why: GapKind) => void
  readonly onLoss: (end: LossEnd) => void
  /** It could not be hung up. The carrier may go on with it. */
  readonly onNotHungUp: () => void
  /** Another instance has the caller. Asked before a call that nobody came for is hung up. Never rejects. */
  readonly isElsewhere: () => Promise<boolean>
  /** Milliseconds: for the first media socket, and for another after a loss. */
  readonly waitMs?: number
  readonly graceMs?: number
}

export interface PhoneCall {
  readonly link: PhoneLink
  /** As the session has it: a caller who was transferred is not hung up. */
  readonly line: Line
  /** It has no media socket, and may get one. */
  readonly isWaiting: boolean
  attach(socket: Link, media?: MediaSocket): boolean
  over(): void
  /** Another instance has the caller: the session ends here, and nobody is hung up. */
  letGo(): void
  /** The session is over. */
  ended(): void
}

const WAIT_MS = 30_000
const GRACE_MS = 5_000
/** After the last socket, for the carrier's word that the caller hung up: that often comes a moment later. */
const LAST_WORD_MS = 1_000
/** The first socket, and one more. */
const MOST_SOCKETS = 2

export function createPhoneCall(deps: PhoneCallDeps): PhoneCall {
  const { waitMs = WAIT_MS, graceMs = GRACE_MS } = deps
  let sockets = 0
  let isAttached = false
  let isOver = false
  /** Nobody is to be hung up: the caller left, is elsewhere, or was transferred. */
  let isGone = false
  let transferring = false
  let onLost: (() => void) | undefined
  let timer = setTimeout(nobodyCame, waitMs)

  const link = new PhoneLink(deps.framing, { onLost: lost, onStop: stopped, onClosed: closed, onFilled: deps.onFilled }, deps.now)
  const line: Line = {
    hangUp: () => deps.line.hangUp(),
    async transfer(target) {
      transferring = true
      try {
        await deps.line.transfer(target)
        isGone = true
      } finally {
        transferring = false
        // The socket may have been closed for it.
        if (!isGone && !isAttached && !isOver) giveUpAfter(nobodyCame, graceMs)
      }
    },
  }

  function lost(): void {
    isAttached = false
    if (transferring) return
    if (sockets >= MOST_SOCKETS) return giveUpAfter(lostAgain, Math.min(graceMs, LAST_WORD_MS))
    giveUpAfter(nobodyCame, graceMs)
    onLost?.()
  }

  function giveUpAfter(then: () => void, ms: number): void {
    clearTimeout(timer)
    timer = setTimeout(then, ms)
  }

  function lostAgain(): void {
    if (isOver) return
    deps.onLoss('again')
    giveUp()
  }

  function nobodyCame(): void {
    if (isOver || isAttached) return
    deps.isElsewhere().then((elsewhere) => {
      if (isOver || isAttached) return
      if (elsewhere) return letGo()
      if (sockets > 0) deps.onLoss('not_back')
      giveUp()
    })
  }

  function giveUp(): void {
    hangUp()
    link.end(1006)
    end()
  }

  function letGo(): void {
    isGone = true
    link.end(1000)
    end()
  }

  /** A carrier that stops because the caller is transferred has not lost the caller. */
  function stopped(): void {
    if (!transferring) letGo()
  }

  function closed(): void {
    hangUp()
    end()
  }

  function hangUp(): void {
    if (isGone) return
    isGone = true
    deps.line.hangUp().catch(deps.onNotHungUp)
  }

  function end(): void {
    isOver = true
    clearTimeout(timer)
  }

  return {
    link,
    line,
    get isWaiting() {
      return !isOver && !isAttached
    },
    attach(socket, media) {
      if (isOver || sockets >= MOST_SOCKETS || !link.attach(socket, media?.framing)) return false
      clearTimeout(timer)
      isAttached = true
      onLost = media?.onLost
      if (++sockets > 1) deps.onLoss('back')
      return true
    },
    over: letGo,
    letGo,
    ended() {
      // For its other ends the link was closed before.
      if (!isOver) closed()
    },
  }
}
