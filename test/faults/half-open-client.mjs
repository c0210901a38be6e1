// A client in a process of its own, to be frozen: connects with the URL and token it is given, says `open`, and then sends and reads whatever comes.
import { WebSocket } from 'ws'

const [url, token] = process.argv.slice(2)
const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false })
socket.on('message', (data) => {
  if (String(data).includes('session.created')) console.log('open')
})
socket.on('error', () => process.exit(1))
