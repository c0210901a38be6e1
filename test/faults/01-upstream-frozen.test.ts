// Fault 1: the upstream's process is frozen. Briefly: the session goes on and nothing is lost. For good: a clear end within the ping's idle limit.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RunningCommand, startCommand } from '../support/built-relay.js'
import { clearEnd, type RelayProcess, roundTrip, startRelayProcess } from './relay-process.js'

let upstream: RunningCommand
let relay: RelayProcess

beforeAll(async () => {
  upstream = await startCommand(['simulate', '--port', '0', '--speed', '1000'])
  const [url] = await upstream.says(/http:\/\/\S+/)
  relay = await startRelayProcess({ upstream: url, env: { PING_INTERVAL_SECONDS: '1' } })
})
afterAll(async () => {
  upstream.child.kill('SIGCONT')
  await relay.stop()
  await upstream.stop()
})

it('for less than the limit: the session is kept, no event is lost, the order is kept', async () => {
  const client = await relay.connect()
  await client.next('session.created')
  upstream.child.kill('SIGSTOP')
  const items = Array.from({ length: 50 }, (_, n) => `item_${n}`)
  for (const id of items) client.send({ type: 'conversation.item.create', item: { id, type: 'message', role: 'user', content: [{ type: 'input_text', text: id }] } })
  await sleep(700)
  upstream.child.kill('SIGCONT')
  await client.next((event) => event.type === 'conversation.item.done' && (event.item as { id: string }).id === 'item_49')
  const done = client.events.filter((event) => event.type === 'conversation.item.done').map((event) => (event.item as { id: string }).id)
  expect(done).toEqual(items)
  client.close()
})

it('for good: a clear end within three pings', async () => {
  const client = await relay.connect()
  await client.next('session.created')
  await roundTrip(client)
  const began = performance.now()
  upstream.child.kill('SIGSTOP')
  await clearEnd(client, 'upstream_lost', 4502)
  expect(performance.now() - began).toBeLessThan(4500)
  upstream.child.kill('SIGCONT')
  await relay.nothingLeft()
})
