// A connection that comes back to its session when its socket is lost. Runs in pages and, with a `WebSocket` such as that of `ws`, in Node.

/** Of its own messages it keeps so many: what the relay has not read is sent again. */
const MOST_KEPT = 1000
/** Lost, restarted, full, or given up by the app itself (4000). With any other code the relay has ended the session. */
const LOST = [1001, 1006, 1012, 1013, 4000]
/** An `error` about this event comes from a relay that lets nobody come back. */
export const ENABLE_ID = 'resume'

/**
 * `connect(protocols)` opens a socket that offers these subprotocols. `onEvent` gets every event once, in order. `onState` hears `open`, `away`,
 * `back` (true: with all that was missed; else the items come again) and `over` with the close code and its reason. Events sent while there is no session
 * go out when there is. `close` hangs up.
 */
export function resuming({ connect, onEvent, onState }) {
  /** `gone`: own messages after `relay.resume.enable` that are not kept any more. `received`: events of the relay after `relay.resume.ready`. */
  const kept = []
  let [gone, received, pauseMs, backBy] = [0, 0, 0, 0]
  /** `ticket`: the relay's last event with a token. `isLive`: both sides know where they stand, so that what is sent goes out at once. */
  let socket, ticket, isLive

  function open() {
    socket = connect(ticket ? ['realtime', `relay-resume.${ticket.token}.${received}`] : ['realtime'])
    const mine = socket
    mine.onerror = () => undefined
    mine.onmessage = ({ data }) => socket === mine && heard(JSON.parse(data))
    mine.onclose = ({ code, reason }) => {
      if (socket !== mine) return
      if (ticket && isLive) backBy = Date.now() + ticket.seconds * 1000
      if (!ticket || !LOST.includes(code) || Date.now() > backBy) return over(code, reason)
      if (isLive) onState('away')
      isLive = false
      setTimeout(() => socket === mine && open(), pauseMs)
      pauseMs = Math.min(2 * pauseMs + 500, 8000)
    }
  }

  function heard(event) {
    if (event.type === 'relay.resume.ready') ticket = event
    else if (event.type === 'relay.resumed' && event.cause === 'client') {
      ticket = event
      if (!event.recovered) received = event.sent
      goOn('back', event)
    } else {
      // What comes before the greeting says why there is none, and does not count.
      if (ticket && isLive) received++
      if (event.type === 'session.created') {
        socket.send(JSON.stringify({ type: 'relay.resume.enable', event_id: ENABLE_ID }))
        goOn('open', { received: 0 })
      }
      onEvent(event)
      if (ticket && received % 100 === 0) send({ type: 'relay.ack', received })
    }
  }

  /** `read`: so many of its own messages need not be sent again. */
  function goOn(state, { received: read, recovered }) {
    kept.splice(0, read - gone)
    ;[gone, pauseMs, isLive] = [read, 0, true]
    for (const text of kept) socket.send(text)
    onState(state, recovered)
  }

  function send(event) {
    kept.push(JSON.stringify(event))
    if (isLive && socket?.readyState === 1) socket.send(kept.at(-1))
    if (kept.length > MOST_KEPT) gone += kept.splice(0, 1).length
  }

  function over(code, reason) {
    socket?.close(1000)
    socket = undefined
    onState('over', code, reason)
  }

  open()
  return { send, close: () => over(1000, '') }
}
