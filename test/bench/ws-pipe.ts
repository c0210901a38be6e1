// The baseline target: a bare pipe of a `ws` server and client, without inspection or back-pressure. MODE=parse reads and rewrites every event.
import { type RawData, WebSocket, WebSocketServer } from 'ws'

const port = Number(process.env.PORT)
const upstream = process.env.UPSTREAM ?? ''
const rewrite = process.env.MODE === 'parse'

function passed(data: RawData): Buffer | string {
  return rewrite ? JSON.stringify(JSON.parse(String(data))) : (data as Buffer)
}

const server = new WebSocketServer({ port, host: '127.0.0.1', perMessageDeflate: false, backlog: 4096 })
server.on('connection', (client, request) => {
  const model = new WebSocket(upstream + (request.url ?? ''), { perMessageDeflate: false })
  const held: RawData[] = []
  model.on('open', () => {
    for (const data of held.splice(0)) model.send(passed(data), { binary: false })
  })
  client.on('message', (data) => {
    if (model.readyState === WebSocket.OPEN) model.send(passed(data), { binary: false })
    else held.push(data)
  })
  model.on('message', (data) => client.send(passed(data), { binary: false }))
  client.on('close', () => model.close())
  model.on('close', () => client.close())
  client.on('error', () => model.terminate())
  model.on('error', () => client.terminate())
})
