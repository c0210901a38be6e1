// One socket to the relay at a time: opened when first needed, and again after it was closed.

/** `onStatus` gets one short sentence, `onEvent` every server event, `onSent` every client event. */
export function connection({ address, onStatus, onEvent, onSent, onClosed }) {
  let socket
  let opening

  function dial() {
    const { url, token } = address()
    onStatus('Connecting…')
    return new Promise((resolve, reject) => {
      const mine = new WebSocket(url, ['realtime', `openai-insecure-api-key.${token}`])
      socket = mine
      mine.onmessage = ({ data }) => {
        const event = JSON.parse(data)
        onEvent(event)
        // The relay says this once the session is configured: before it, nothing would be answered.
        if (event.type === 'session.created') resolve()
      }
      mine.onclose = ({ code, reason }) => {
        opening = undefined
        const why = reason || (code === 1006 ? 'no connection, or refused' : '')
        onStatus(`Closed (${code}${why && `, ${why}`})`)
        onClosed()
        reject(new Error(`The connection was closed (${code}${why && `, ${why}`}).`))
      }
    })
  }

  return {
    /** Resolves once the session is live; rejects when the socket closes first. */
    open() {
      opening ??= dial()
      return opening
    },
    send(event) {
      if (socket?.readyState !== WebSocket.OPEN) return
      socket.send(JSON.stringify(event))
      onSent(event)
    },
  }
}
