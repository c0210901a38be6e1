// A connection that comes back to its session when its socket is lost. Runs in pages and, with a `WebSocket` such as that of `ws`, in Node.

/** Of its own messages it keeps so many: what the relay has not read is sent again. */
const MOST_KEPT = 1000
const PAUSES_MS = [0, 500, 1000, 2000, 4000, 8000]

/**
 * `connect(protocols)` opens a socket that offers these subprotocols. `onEvent` gets every event once, in order, and `onState` hears
 * `open`, `away`, `back` and `over`. Events sent while the client is away go out when it is back. `close` hangs up.
 */
export function resuming({ connect, onEvent, onState }) {
  let socket
  let resume
  let received = 0
  let firstKept = 0
  let kept = []
  let attempts = 0
  let isOver = false

  function open() {
    const mine = connect(resume ? ['realtime', `relay-resume.${resume.token}.${received}`] : ['realtime'])
    socket = mine
    mine.onmessage = ({ data }) => {
      const event = JSON.parse(data)
      if (event.type === 'relay.resumed' && event.cause === 'client') return back(event)
      if (event.type === 'relay.resume.ready') {
        resume = { token: event.token }
        received = firstKept = 0
        kept = []
        return
      }
      if (resume) received++
      if (event.type === 'session.created') {
        onState('open')
        mine.send(JSON.stringify({ type: 'relay.resume.enable' }))
      }
      onEvent(event)
      if (resume && received % 100 === 0) send({ type: 'relay.ack', received })
    }
    mine.onerror = () => undefined
    mine.onclose = ({ code }) => {
      if (socket !== mine || isOver) return
      if (!resume || code === 4409 || code === 4410 || attempts >= PAUSES_MS.length) return over()
      if (attempts === 0) onState('away')
      setTimeout(() => !isOver && open(), PAUSES_MS[attempts++])
    }
  }

  function back({ token, recovered, sent, received: theirs }) {
    resume = { token }
    attempts = 0
    if (!recovered) received = sent
    kept.splice(0, theirs - firstKept)
    firstKept = theirs
    for (const text of kept) socket.send(text)
    onState('back')
  }

  function send(event) {
    const text = JSON.stringify(event)
    kept.push(text)
    if (kept.length > MOST_KEPT) firstKept += kept.splice(0, kept.length - MOST_KEPT).length
    if (socket.readyState === 1) socket.send(text)
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
