// keep-token.js: brings the next token before the present one ends, so that the call goes on.
export function keepToken(socket, askForToken) {
  socket.addEventListener('message', async ({ data }) => {
    if (JSON.parse(data).type !== 'relay.token.expiring') return
    socket.send(JSON.stringify({ type: 'relay.token.refresh', token: await askForToken() }))
  })
}
