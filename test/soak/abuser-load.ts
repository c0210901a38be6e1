// One process of the soak with abusers: every abuser once a round, all at the same time, and an MCP server that ends each stream at once.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadAuthConfig } from '../../src/config/load.js'
import { ABUSERS } from './abusers.js'
import { type AbuserRound, type AbuserSurroundings, type Order, SECRET } from './world.js'

/** Of one that answers at once and always: the first attempts are quick, then the pauses grow. */
const MOST_STREAMS_A_MINUTE = 60

const APART_MS = 40

const auth = loadAuthConfig({ JWT_SECRET: SECRET })
let streams = 0
const mcp = createServer(async (request, response) => {
  if (request.method === 'GET') {
    streams++
    return void response.writeHead(200, { 'content-type': 'text/event-stream' }).end()
  }
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { id, method } = JSON.parse(Buffer.concat(chunks).toString() || '{}') as { id?: number; method?: string }
  if (id === undefined) return void response.writeHead(202).end()
  const result =
    method === 'initialize'
      ? { protocolVersion: '2025-06-18', capabilities: { tools: { listChanged: true } }, serverInfo: { name: 'x', version: '1' } }
      : method === 'tools/list'
        ? { tools: [{ name: 'search', inputSchema: { type: 'object' } }] }
        : {}
  response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
}).listen(0, '127.0.0.1')
await once(mcp, 'listening')

process.on('message', async (order: Order) => {
  if ('stop' in order) process.exit(0)
  const { world, ms, number } = order.round
  const problems: string[] = []
  const done: Record<string, number> = {}
  let sessions = 0
  const began = performance.now()
  const before = streams
  await Promise.all(
    Object.entries(ABUSERS).map(async ([name, abuser], index) => {
      const subject = `${name}-${number}`
      // All at once, with six honest users, would be a burst that no day has: what is measured is what each of them costs.
      await sleep(index * APART_MS)
      const profile = ['pings', 'pongs', 'fragments', 'revoked'].includes(name) ? 'flood' : name
      try {
        await abuser({
          world,
          subject,
          address: `10.9.${number % 250}.${index + 1}`,
          token: (claims = {}, other = subject) => mintToken(auth, { subject: other, ttlSeconds: 3600, claims: { profile, who: other, ...claims } }),
          over: () => performance.now() - began >= ms,
          did(more = 0) {
            done[name] = (done[name] ?? 0) + 1
            sessions += more
          },
          problem: (what) => void problems.push(`${name}: ${what}`),
        })
      } catch (error) {
        problems.push(`${name}: ${error instanceof Error ? error.message : 'failed'}`)
      }
    }),
  )
  const perMinute = ((streams - before) / (performance.now() - began)) * 60_000
  if (perMinute > MOST_STREAMS_A_MINUTE) problems.push(`an MCP server that ends its streams was asked ${Math.round(perMinute)} times a minute`)
  done.streams = streams - before
  process.send?.({ sessions, problems, done } satisfies AbuserRound)
})
process.on('disconnect', () => process.exit(0))
process.send?.({ mcpUrl: `http://127.0.0.1:${(mcp.address() as AddressInfo).port}/mcp` } satisfies AbuserSurroundings)
