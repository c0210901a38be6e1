// Two instances with the real desk and one Redis: whichever of them Twilio asks, a call has one session and one next step.
import { once } from 'node:events'
import { afterEach, expect, it, vi } from 'vitest'
import { Secret } from '../../../../src/config/secret.js'
import { createRedisStore } from '../../../../src/store/redis/store.js'
import { type DeskLab, type DeskOptions, openDesk } from '../../../support/phone-lab.js'
import { uniquePrefix } from '../../../support/redis.js'
import { eventually } from '../../front.js'
import { type Lab, mediaFrame, ringForm, startFrame, startLab, ticketIn } from './lab.js'

const VOICE = '/telephony/twilio/voice'
const AFTER = '/telephony/twilio/after'

interface Instance extends Lab {
  readonly phone: DeskLab
}

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function instances(options: DeskOptions = {}): Promise<readonly [Instance, Instance]> {
  const keyPrefix = uniquePrefix()
  const start = async (): Promise<Instance> => {
    const store = createRedisStore({ url: new Secret(process.env.REDIS_URL ?? ''), keyPrefix, usageRetentionDays: 2 })
    closers.push(() => store.close(1000))
    await vi.waitFor(async () => expect((await store.health()).status).toBe('ok'), { timeout: 5000, interval: 10 })
    const phone = openDesk(store, { lookMs: 20, ...options })
    const lab = await startLab({ deps: { desk: phone.desk, tickets: store.tickets } })
    closers.push(() => lab.close())
    return { ...lab, phone }
  }
  return [await start(), await start()]
}

const inProgress = (form: Record<string, string>) => ({ ...form, CallStatus: 'in-progress' })

/** What the session of this instance reads, once it reads. */
function readBy({ phone }: Instance): string[] {
  const read: string[] = []
  const client = phone.opened.at(-1)?.client
  client?.onFrame((frame) => read.push(frame.toString()))
  client?.resume()
  return read
}

it('a call answered by one and dialled to the other goes on there alone, with sound and marks', async () => {
  const [one, two] = await instances()
  const form = ringForm()
  const ticket = ticketIn((await one.post(VOICE, form)).text)
  let isLeft = false
  one.phone.opened[0]?.client.onClose(() => {
    isLeft = true
    one.phone.opened[0]?.onEnd()
  })
  const socket = two.dial()
  await once(socket, 'open')
  socket.send(startFrame(form, ticket, 'MZ2'))
  socket.send(mediaFrame(5))
  await eventually(() => two.phone.opened.length === 1)
  const read = readBy(two)
  await eventually(() => read.length > 0)
  expect(JSON.parse(read[0] ?? '')).toEqual({ type: 'input_audio_buffer.append', audio: Buffer.alloc(160, 5).toString('base64') })
  await eventually(() => isLeft)

  const client = two.phone.opened[0]!.client
  const down: Record<string, unknown>[] = []
  socket.on('message', (data) => down.push(JSON.parse(String(data)) as Record<string, unknown>))
  const delta = Buffer.alloc(800, 1).toString('base64')
  client.send(JSON.stringify({ type: 'response.output_audio.delta', event_id: 'e', response_id: 'r', item_id: 'i', output_index: 0, content_index: 0, delta }))
  await eventually(() => down.length === 2)
  expect(down[0]).toEqual({ event: 'media', streamSid: 'MZ2', media: { payload: delta } })
  expect(down[1]).toMatchObject({ event: 'mark', streamSid: 'MZ2' })
  // Until its mark comes back, not all of it was heard for certain.
  expect(client.playback?.doneBytes(Date.now())).toBeLessThan(800)
  socket.send(JSON.stringify({ ...down[1], sequenceNumber: '9' }))
  await eventually(() => client.playback?.doneBytes(Date.now()) === 800)

  // Its ticket is used up on both.
  for (const instance of [one, two]) {
    const late = instance.dial()
    await once(late, 'open')
    late.send(startFrame(form, ticket))
    expect((await once(late, 'close'))[0]).toBe(1008)
  }
  const logs = one.front.logs() + two.front.logs() + [...one.phone.logged, ...two.phone.logged, ...one.logged, ...two.logged].join('\n')
  for (const secret of [form.CallSid, '14155550100', '14155550199', ticket]) expect(logs).not.toContain(secret)
})

it('one ring to both at once is one session, and one lost socket is one new stream', async () => {
  const [one, two] = await instances()
  const form = ringForm()
  const answers = await Promise.all([one.post(VOICE, form), two.post(VOICE, form)])
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  expect(one.phone.opened.length + two.phone.opened.length).toBe(1)
  const next = await Promise.all([one.post(AFTER, inProgress(form)), two.post(AFTER, inProgress(form))])
  expect(next.map(({ text }) => text.includes('<Stream')).sort()).toEqual([false, true])
  expect(next.filter(({ text }) => text.includes('<Hangup/>'))).toHaveLength(1)
})

it('a lost socket that comes back to the other is the same call to the limits of its caller', async () => {
  const [one, two] = await instances({ config: { limits: { perCaller: 1, withheld: 1, perNumber: 1, total: 1, perCallerPerHour: 1 } } })
  const form = ringForm()
  expect((await one.post(VOICE, form)).text).toContain('<Stream')
  expect((await two.post(AFTER, inProgress(form))).text).toContain('<Stream')
  expect(two.phone.counted).toEqual(['call twilio'])
  expect((await two.post(VOICE, ringForm({ From: form.From ?? '' }))).text).toContain('<Reject')
})

it('a transfer that one asks for is answered by the other, once', async () => {
  const [one, two] = await instances()
  const form = ringForm()
  const ticket = ticketIn((await one.post(VOICE, form)).text)
  const socket = one.dial()
  await once(socket, 'open')
  socket.send(startFrame(form, ticket))
  const closed = once(socket, 'close')
  const { phone } = one.phone.opened[0]!
  let isDone = false
  // Rejects until the media are there.
  await vi.waitFor(async () => {
    const transfer = phone?.line.transfer('+14155550123')
    await Promise.race([transfer, closed])
    void transfer?.then(() => {
      isDone = true
    })
  })
  expect((await closed)[0]).toBe(1000)
  expect((await two.post(AFTER, inProgress(form))).text).toContain('<Dial>+14155550123</Dial>')
  await eventually(() => isDone)
  expect((await two.post(AFTER, inProgress(form))).text).toContain('<Hangup/>')
  expect(two.phone.opened).toEqual([])
})
