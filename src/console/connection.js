// One socket to the relay at a time. It opens when first needed, and again after it was closed.

/** `onStatus` receives one short sentence, `onEvent` every server event, `onSent` every client event. */
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
        // The relay sends this once the session is configured. Earlier events would get no answer.
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
    /** Resolves once the session is live. Rejects if the socket closes before. */
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
