// A client that floods as fast as its socket allows, with the kind it is given: `updates` are small and many, `huge` are four megabytes each.
import { WebSocket } from 'ws'

const [url, token, kind] = process.argv.slice(2)
const message = {
  audio: JSON.stringify({ type: 'input_audio_buffer.append', audio: 'A'.repeat(64) }),
  updates: JSON.stringify({ type: 'session.update', session: { audio: { output: { voice: 'alloy' } } } }),
  huge: `{"type":"session.update","session":{"instructions":"${'\\"'.repeat(2 * 1024 * 1024 - 100)}"}}`,
}[kind]
const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false })
const more = () => {
  while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < 1024 * 1024) socket.send(message)
  setTimeout(more, 1)
}
socket.on('message', (data) => {
  if (!String(data).includes('session.created')) return
  console.log('open')
  more()
})
socket.on('close', () => process.exit(0))
socket.on('error', () => process.exit(1))
