// A client that floods as fast as its socket allows, with the kind it is given: `updates` are small and many, `huge` are four megabytes each,
// and `pings`, `pongs` and `fragments` are frames that are no messages.
import { WebSocket } from 'ws'

const [url, token, kind] = process.argv.slice(2)
const message = {
  audio: JSON.stringify({ type: 'input_audio_buffer.append', audio: 'A'.repeat(64) }),
  updates: JSON.stringify({ type: 'session.update', session: { audio: { output: { voice: 'alloy' } } } }),
  huge: `{"type":"session.update","session":{"instructions":"${'\\"'.repeat(2 * 1024 * 1024 - 100)}"}}`,
}[kind]
const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false })
/** Empty and masked, many in one write. */
const frames = { pings: [0x89, 0x80, 1, 2, 3, 4], pongs: [0x8a, 0x80, 1, 2, 3, 4], fragments: [0x00, 0x80, 1, 2, 3, 4] }[kind]
const many = frames && Buffer.concat(Array(10_000).fill(Buffer.from(frames)))
const send = () => {
  if (many) socket._socket.write(many)
  else socket.send(message)
}
const more = () => {
  while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < 1024 * 1024) send()
  setTimeout(more, 1)
}
socket.on('message', (data) => {
  if (!String(data).includes('session.created')) return
  console.log('open')
  if (kind === 'fragments') socket._socket.write(Buffer.from([0x01, 0x80, 1, 2, 3, 4]))
  more()
})
socket.on('close', () => process.exit(0))
socket.on('error', () => process.exit(1))
