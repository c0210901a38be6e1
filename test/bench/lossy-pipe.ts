// A deliberately faulty pipe, which proves that the counts notice faults: it loses one message in twenty upstream and swaps two downstream.
import { type RawData, WebSocket, WebSocketServer } from 'ws'

const FAULT_EVERY = 20

const server = new WebSocketServer({ port: Number(process.env.PORT), host: '127.0.0.1', perMessageDeflate: false })
server.on('connection', (client, request) => {
  const model = new WebSocket((process.env.UPSTREAM ?? '') + (request.url ?? ''), { perMessageDeflate: false })
  let up = 0
  let down = 0
  let late: RawData | undefined
  client.on('message', (data) => {
    if (++up % FAULT_EVERY !== 0) model.send(data as Buffer, { binary: false })
  })
  model.on('message', (data) => {
    if (++down % FAULT_EVERY === 0) {
      late = data
      return
    }
    client.send(data as Buffer, { binary: false })
    if (late) client.send(late as Buffer, { binary: false })
    late = undefined
  })
  client.on('close', () => model.close())
  model.on('close', () => client.close())
  client.on('error', () => model.terminate())
  model.on('error', () => client.terminate())
})
