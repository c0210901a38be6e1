// A client in its own process, which the test freezes. It connects with the given URL and token, prints `open`, and then sends and reads events.
import { WebSocket } from 'ws'

const [url, token] = process.argv.slice(2)
const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false })
socket.on('message', (data) => {
  if (String(data).includes('session.created')) console.log('open')
})
socket.on('error', () => process.exit(1))
