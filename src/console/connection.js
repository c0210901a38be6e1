// One socket to the relay at a time. It opens when first needed, again after it was closed, and by itself when the relay restarts.

/** "Service restart": the relay asks its clients to come back. */
const RESTART = 1012
/** No answer yet, still going, or full: worth another try. */
const TRY_AGAIN = [1006, RESTART, 1013]
const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 8000, 8000]

/** Why a connection ended: the close code, and the relay's own words if it had any. `replaced`: another one was begun in its place. */
export class Ended extends Error {
  constructor(code, words, wasLive) {
    super(words)
    this.code = code
    this.wasLive = wasLive
    this.replaced = false
  }
}

/**
 * `onStatus` receives one short sentence, `onEvent` every server event and whether the session was live, `onSent` every client event. `onEnded` hears
 * of a live session's end: what ended it, and a promise of the next session if one is on its way.
 */
export function connection({ address, onStatus, onEvent, onSent, onEnded }) {
  let socket
  let opening

  function dial() {
    onStatus('Connecting…')
    return new Promise((resolve, reject) => {
      const { url, token } = address()
      let live = false
      let words = ''
      let mine
      try {
        mine = new WebSocket(url, ['realtime', `openai-insecure-api-key.${token}`])
      } catch {
        opening = undefined
        reject(new Ended(0, '', false))
        return
      }
      socket = mine
      mine.onmessage = ({ data }) => {
        const event = JSON.parse(data)
        if (event.type === 'error' && !live) words = event.error.message
        // The relay sends this once the session is configured. Earlier events would get no answer.
        if (event.type === 'session.created') live = true
        onEvent(event, live)
        if (live) resolve()
      }
      mine.onclose = ({ code, reason }) => {
        const ended = new Ended(code, words || reason, live)
        ended.replaced = socket !== mine
        reject(ended)
        if (ended.replaced) return
        opening = undefined
        if (!live) return
        if (code === RESTART) opening = dialAgain(ended)
        onEnded(ended, opening)
      }
    })
  }

  async function dialAgain(ended) {
    let last = ended
    for (const pause of PAUSES_MS) {
      onStatus('The relay restarts, reconnecting…')
      await new Promise((resolve) => setTimeout(resolve, pause))
      const next = dial()
      opening = next
      try {
        return await next
      } catch (error) {
        last = error
      }
      if (!TRY_AGAIN.includes(last.code)) break
    }
    opening = undefined
    throw last
  }

  return {
    /** Resolves once the session is live. Rejects with `Ended` if the socket closes before. */
    open() {
      opening ??= dial()
      return opening
    },
    /** As `open`, with the address and token as they are now. A connection under way is given up. */
    openAnew() {
      const old = socket
      opening = dial()
      old?.close()
      return opening
    },
    /** Whether the event was handed to a socket that was open. */
    send(event) {
      if (socket?.readyState !== WebSocket.OPEN) return false
      socket.send(JSON.stringify(event))
      onSent(event)
      return true
    },
  }
}
