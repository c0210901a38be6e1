// One session with the relay at a time. It opens when first needed, goes on over the next socket when one is lost, and begins anew when the relay has lost it.
import { calling } from './calling.js'
import { resuming } from './resuming.js'

/** The relay restarted, or does not know the session that this page came back to. */
const BEGIN_ANEW = [1012, 4410]
/** No answer yet, still going, or full: worth another try. */
const TRY_AGAIN = [1006, 1012, 1013]
const PAUSES_MS = [0, 500, 1000, 2000, 4000, 8000, 8000, 8000]
/** For `close()` of a socket that may be dead: the relay takes any code but 1000 for a loss. */
const GIVEN_UP = 4000

/** Why a session ended: the close code, and the relay's own words if it had any. `replaced`: another one was begun in its place. */
export class Ended extends Error {
  constructor(code, words, wasLive, replaced = false) {
    super(words)
    this.code = code
    this.wasLive = wasLive
    this.replaced = replaced
  }
}

/**
 * `call()` has `stream` and `player` if the next session is to be a WebRTC call. `onStatus` receives one short sentence, `onEvent` every server event and whether the session was live, `onSent` every client event. `onAway` hears that
 * the socket was lost, `onBack` that the session goes on, and whether nothing was missed. `onEnded` hears of a live session's end: what ended it, and a promise of the next session if one is on its way.
 */
export function connection({ address, call, onStatus, onEvent, onSent, onAway, onBack, onEnded }) {
  let talk
  let socket
  /** Resolves once a session is live, and pends while its socket is being replaced. */
  let opening
  /** Counts the ways in which a session was asked for anew: the last one holds. */
  let anew = 0

  function dial() {
    onStatus('Connecting…')
    let waiting = promised()
    let live = false
    let isAway = false
    let words = ''
    const connect = (protocols, callId) => {
      const { url, token } = address()
      socket = new WebSocket(callId ? withCall(url, callId) : url, [...protocols, `openai-insecure-api-key.${token}`])
      return socket
    }
    const heard = (event) => {
      const refused = !live || isAway
      if (event.type === 'error' && refused) words = event.error.message
      onEvent(event, !refused)
      if (!refused) waiting.resolve()
    }
    const changed = (state, ...more) => {
      if (state === 'over') return over(...more)
      if (talk !== mine) return
      // The relay's `session.created` comes once the session is configured. Earlier events would get no answer.
      if (state === 'open') live = true
      isAway = state === 'away'
      if (state === 'back') {
        waiting.resolve()
        onBack(...more)
      }
      if (isAway) {
        onAway()
        waiting = promised()
        opening = waiting.promise
      }
    }
    const over = (code, reason) => {
      const ended = new Ended(code, words || reason, live, talk !== mine)
      if (!ended.replaced) {
        talk = undefined
        if (live) {
          opening = BEGIN_ANEW.includes(code) ? dialAgain(ended) : undefined
          onEnded(ended, opening)
          if (opening) return waiting.resolve(opening)
        } else if (opening === waiting.promise) opening = undefined
      }
      waiting.reject(ended)
    }
    let mine
    try {
      const ends = call()
      mine = ends ? calling({ address, connect, ...ends, onEvent: heard, onState: changed }) : resuming({ connect, onEvent: heard, onState: changed })
      talk = mine
    } catch {
      talk = undefined
      opening = undefined
      waiting.reject(new Ended(0, '', false))
    }
    return waiting.promise
  }

  async function dialAgain(ended) {
    const mine = ++anew
    let last = ended
    for (const pause of PAUSES_MS) {
      onStatus('The relay restarts, reconnecting…')
      await new Promise((resolve) => setTimeout(resolve, pause))
      if (mine !== anew) throw new Ended(last.code, '', false, true)
      try {
        return await dial()
      } catch (error) {
        last = error
      }
      if (!TRY_AGAIN.includes(last.code)) break
    }
    if (mine === anew) opening = undefined
    throw last
  }

  return {
    /** Resolves once the session is live. Rejects with `Ended` if it ends before. */
    open() {
      opening ??= dial()
      return opening
    },
    /** As `open`, with the address and token as they are now. A session under way is given up. */
    openAnew() {
      const old = talk
      anew++
      opening = dial()
      old?.close()
      return opening
    },
    /** Ends the session, or the way to one. Returns whether there was any; nobody hears of its end. */
    hangUp() {
      const old = talk
      const had = opening !== undefined
      anew++
      talk = undefined
      opening = undefined
      old?.close()
      return had
    },
    /** The network is another one: the socket may be dead without knowing. */
    doubt() {
      if (socket?.readyState === WebSocket.OPEN) socket.close(GIVEN_UP)
    },
    /** Whether there is a session, or a way back to it: then the event is sent sooner or later. */
    send(event) {
      if (!talk) return false
      talk.send(event)
      onSent(event)
      return true
    },
  }
}

function withCall(url, callId) {
  const following = new URL(url)
  following.searchParams.set('call_id', callId)
  return following
}

/** Nobody may be waiting for a session whose socket was lost. */
function promised() {
  const one = {}
  one.promise = new Promise((resolve, reject) => Object.assign(one, { resolve, reject }))
  one.promise.catch(() => undefined)
  return one
}
