// Two relays with the real desk, one Redis and one ACS: whichever of them is rung, dialled or called back, a call has one session.
import { once } from 'node:events'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { Secret } from '../../../../src/config/secret.js'
import { type AcsOptions, createAcs, type SimulatedAcs } from '../../../../src/simulator/carriers/acs.js'
import type { AcsCall } from '../../../../src/simulator/carriers/acs-call.js'
import { callbackEvent } from '../../../../src/simulator/carriers/acs-events.js'
import { createRedisStore } from '../../../../src/store/redis/store.js'
import { type DeskLab, openDesk } from '../../../support/phone-lab.js'
import { uniquePrefix } from '../../../support/redis.js'
import { ACCESS_KEY, CALLED, CALLER, type Lab, RESOURCE_ID, SECRET, startLab, until } from './acs-lab.js'

interface Instance extends Lab {
  readonly phone: DeskLab
}

const closers: (() => Promise<unknown>)[] = []
let acs: SimulatedAcs
let target = ''
let one: Instance
let two: Instance

beforeEach(async () => {
  const options = { resourceId: RESOURCE_ID, accessKey: ACCESS_KEY, secret: SECRET, dials: false }
  acs = await createAcs(Object.defineProperty(options, 'relayUrl', { get: () => target, enumerable: true }) as AcsOptions)
  closers.push(() => acs.close())
  const keyPrefix = uniquePrefix()
  const start = async (): Promise<Instance> => {
    const store = createRedisStore({ url: new Secret(process.env.REDIS_URL ?? ''), keyPrefix, usageRetentionDays: 2 })
    closers.push(() => store.close(1000))
    await vi.waitFor(async () => expect((await store.health()).status).toBe('ok'), { timeout: 5000, interval: 10 })
    const phone = openDesk(store, { lookMs: 20 })
    const lab = await startLab({ service: acs, deps: { desk: phone.desk } })
    closers.push(() => lab.close())
    return { ...lab, phone }
  }
  ;[one, two] = [await start(), await start()]
  target = one.front.http
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A call that the first relay answered, and whose media socket nobody has dialled. */
async function answered(): Promise<AcsCall> {
  const { call, event } = acs.prepare({ from: CALLER, to: CALLED })
  await acs.deliver([event])
  await until('an answer', () => call.addresses !== undefined)
  return call
}

async function dial({ front }: Instance, call: AcsCall): Promise<{ readonly status: number; readonly socket: WebSocket }> {
  const headers = { authorization: `Bearer ${acs.tokens.token()}`, 'x-ms-call-connection-id': call.names.connectionId }
  const socket = new WebSocket(front.ws + new URL(call.addresses?.transportUrl ?? '').pathname, { headers })
  socket.on('error', () => undefined)
  closers.push(async () => socket.terminate())
  const status = await new Promise<number>((resolve) => {
    socket.once('open', () => resolve(101))
    socket.once('unexpected-response', (request, response) => {
      resolve(response.statusCode ?? 0)
      request.destroy()
    })
  })
  return { status, socket }
}

const operations = () => acs.seen.map(({ operation }) => operation)
const leave = ({ phone }: Instance) => {
  const session = phone.opened.at(-1)
  let left = false
  session?.client.onClose(() => {
    left = true
    session.onEnd()
  })
  return () => left
}

it('a call answered by one and dialled to the other goes on there alone, and is hung up from there', async () => {
  const call = await answered()
  const hasLeft = leave(one)
  const { status, socket } = await dial(two, call)
  expect(status).toBe(101)
  const read: string[] = []
  const client = two.phone.opened[0]?.client
  client?.onFrame((frame) => read.push(frame.toString()))
  client?.resume()
  const audio = Buffer.alloc(960, 5).toString('base64')
  socket.send(JSON.stringify({ kind: 'AudioData', audioData: { timestamp: new Date().toISOString(), data: audio, silent: false } }))
  await until('sound', () => read.length > 0)
  expect(JSON.parse(read[0] ?? '')).toEqual({ type: 'input_audio_buffer.append', audio })
  await until('the first to let it go', hasLeft)
  expect(operations()).toEqual(['answer'])
  expect(await Promise.all([dial(one, call), dial(two, call)]).then((dialled) => dialled.map((each) => each.status))).toEqual([403, 403])
  client?.close(1000, '')
  expect(await call.ended).toEqual({ by: 'relay' })
  expect(operations()).toEqual(['answer', 'terminate'])
  const logs = [one, two].map(({ front, phone }) => front.logs() + phone.logged.join('\n')).join('\n')
  for (const secret of [CALLER, CALLED, call.names.connectionId, call.addresses?.transportUrl.split('/').at(-1) ?? '-']) expect(logs).not.toContain(secret)
})

it('an event that comes to both at once rings once', async () => {
  const { call, event } = acs.prepare({ from: CALLER, to: CALLED })
  await acs.deliver([event])
  target = two.front.http
  await acs.deliver([event])
  await acs.deliver([{ ...event, id: 'another' }])
  await until('an answer', () => call.addresses !== undefined)
  expect(one.phone.opened.length + two.phone.opened.length).toBe(1)
  expect(operations()).toEqual(['answer'])
})

it('the end of a call is heard by whoever has it, and does no harm elsewhere', async () => {
  const call = await answered()
  await dial(two, call)
  const isOver = leave(two)
  const over = [callbackEvent('CallDisconnected', call.names)]
  // Neither the token nor the path is wrong there, and the call has moved on.
  await acs.callBack(call.addresses?.callbackUri ?? '', over)
  expect(isOver()).toBe(false)
  target = two.front.http
  await acs.callBack(call.addresses?.callbackUri ?? '', over)
  await until('the end', isOver)
  expect(operations()).toEqual(['answer'])
})

it('a lost media socket comes back to the relay that has the call', async () => {
  const call = await answered()
  const { socket } = await dial(two, call)
  socket.terminate()
  await until('the wish for another', () => operations().includes('startMediaStreaming'))
  expect((await dial(one, call)).status).toBe(403)
  const second = await dial(two, call)
  expect(second.status).toBe(101)
  const closed = once(second.socket, 'close')
  two.phone.opened[0]?.client.close(1000, '')
  await closed
  expect(await call.ended).toEqual({ by: 'relay' })
})

it('a transfer is known to be done though another relay was told of it', async () => {
  const call = await answered()
  const { socket } = await dial(one, call)
  target = two.front.http
  void call.ended.then(() => socket.terminate())
  await one.phone.opened[0]?.phone?.line.transfer('+14255550123')
  expect(await call.ended).toEqual({ by: 'relay', transferredTo: '+14255550123' })
  expect(operations()).toEqual(['answer', 'transfer', 'properties'])
})
