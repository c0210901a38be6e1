// A connection that comes back to its session when its socket is lost. Runs in pages and, with a `WebSocket` such as that of `ws`, in Node.

/** Of its own messages it keeps so many: what the relay has not read is sent again. */
const MOST_KEPT = 1000
const PAUSES_MS = [0, 500, 1000, 2000, 4000, 8000]
/** The socket was lost, or the relay gave it up because nothing was read. Any other code: the relay has ended the session. */
const LOST = [1001, 1006]

/**
 * `connect(protocols)` opens a socket that offers these subprotocols. `onEvent` gets every event once, in order, and `onState` hears
 * `open`, `away`, `back` and `over`. Events sent while there is no session go out when there is. `close` hangs up.
 */
export function resuming({ connect, onEvent, onState }) {
  let socket
  let token
  /** Events of the relay after `relay.resume.ready`. */
  let received = 0
  /** Own messages after `relay.resume.enable`, from this number on. */
  let firstKept = 0
  const kept = []
  let attempts = 0
  /** Both sides know where they stand, so that what is sent goes out at once. */
  let isLive = false
  let isOver = false

  function open() {
    const mine = connect(token ? ['realtime', `relay-resume.${token}.${received}`] : ['realtime'])
    socket = mine
    mine.onmessage = ({ data }) => {
      const event = JSON.parse(data)
      if (event.type === 'relay.resumed' && event.cause === 'client') back(event)
      else if (event.type === 'relay.resume.ready') token = event.token
      else heard(event)
    }
    mine.onerror = () => undefined
    mine.onclose = ({ code }) => {
      if (socket !== mine || isOver) return
      isLive = false
      if (!token || !LOST.includes(code) || attempts >= PAUSES_MS.length) return over()
      if (attempts === 0) onState('away')
      setTimeout(() => !isOver && open(), PAUSES_MS[attempts++])
    }
  }

  function heard(event) {
    if (token) received++
    if (event.type === 'session.created') {
      socket.send(JSON.stringify({ type: 'relay.resume.enable' }))
      goOn('open')
    }
    onEvent(event)
    if (token && received % 100 === 0) send({ type: 'relay.ack', received })
  }

  function back(event) {
    token = event.token
    attempts = 0
    if (!event.recovered) received = event.sent
    kept.splice(0, event.received - firstKept)
    firstKept = event.received
    goOn('back')
  }

  function goOn(state) {
    isLive = true
    for (const text of kept) socket.send(text)
    onState(state)
  }

  function send(event) {
    const text = JSON.stringify(event)
    kept.push(text)
    if (kept.length > MOST_KEPT) firstKept += kept.splice(0, kept.length - MOST_KEPT).length
    if (isLive && socket.readyState === 1) socket.send(text)
  }

  function over() {
    isOver = true
    onState('over')
  }

  open()
  return {
    send,
    close() {
      over()
      socket.close(1000)
    },
  }
}
