// A call of Azure Communication Services from its ring to its end, by the official SDK, with the simulated service at the other end.
import { afterEach, describe, expect, it } from 'vitest'
import { RefusalError } from '../../../../src/core/protocol/errors.js'
import { AcsError } from '../../../../src/ingress/phone/acs/control.js'
import { callbackEvent } from '../../../../src/simulator/carriers/acs-events.js'
import { CALLED, CALLER, type Lab, type LabOptions, samplesIn, startLab, tone, until } from './acs-lab.js'

let lab: Lab
const start = async (options?: LabOptions): Promise<Lab> => {
  lab = await startLab(options)
  return lab
}
afterEach(() => lab.close())
const operations = () => lab.acs.seen.map(({ operation }) => operation)

describe('a subscription', () => {
  it('is greeted in both schemas', async () => {
    const { acs, front } = await start()
    const { status, body } = await acs.subscribe()
    expect(status).toBe(200)
    expect(JSON.parse(body)).toEqual({ validationResponse: expect.stringMatching(/^[0-9a-f-]{36}$/) })
    const cloud = await fetch(`${front.http}/telephony/acs/incoming?secret=event-grid-secret-0123456789-abcdefghij`, {
      method: 'OPTIONS',
      headers: { 'webhook-request-origin': 'eventgrid.azure.net' },
    })
    expect([cloud.status, cloud.headers.get('webhook-allowed-origin')]).toEqual([200, 'eventgrid.azure.net'])
  })
})

describe('a call', () => {
  for (const schema of ['event-grid', 'cloud-events'] as const) {
    it(`is answered, heard and hung up by its caller (${schema})`, async () => {
      const { acs, desk } = await start()
      const call = await acs.ring({ from: CALLER, to: CALLED, schema, headers: { 'X-MS-Custom-Ticket': '17', 'bad name': 'x' } })
      await call.connected
      await call.say(tone(1234, 200))
      await until('the echo', () => samplesIn(call.heard()).has(1234))
      expect(desk.calls).toHaveLength(1)
      expect(desk.calls[0]?.ring).toEqual({ carrier: 'acs', carrierCallId: call.names.serverCallId, from: CALLER, to: CALLED, headers: { 'x-ms-custom-ticket': '17' } })
      await call.hangUp()
      expect(await call.ended).toEqual({ by: 'caller' })
      await until('the end to be heard of', () => (desk.calls[0]?.overs ?? 0) > 0)
      expect(operations()).toEqual(['answer'])
    })
  }

  it('asks for media both ways, at 24 kHz, with keys, at our public address', async () => {
    const { acs, desk } = await start({ publicUrl: 'https://calls.example' })
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    const { body } = acs.seen[0] ?? { body: {} }
    expect(body).toEqual({
      incomingCallContext: call.names.context,
      callbackUri: expect.stringMatching(/^https:\/\/calls\.example\/telephony\/acs\/callbacks\/[\w-]{43}$/),
      mediaStreamingOptions: {
        transportUrl: expect.stringMatching(/^wss:\/\/calls\.example\/telephony\/acs\/media\/[\w-]{36}$/),
        transportType: 'websocket',
        contentType: 'audio',
        audioChannelType: 'mixed',
        audioFormat: 'Pcm24KMono',
        startMediaStreaming: true,
        enableBidirectional: true,
        enableDtmfTones: true,
      },
    })
    for (const secret of [CALLER, CALLED, desk.calls[0]?.sessionId ?? '-']) expect(JSON.stringify(body).replace(call.names.context, '')).not.toContain(secret)
  })

  it('may have no number', async () => {
    const { acs, desk } = await start()
    await (await acs.ring({ from: undefined, to: '8:acs:resource_user' })).connected
    expect(desk.calls[0]?.ring).toMatchObject({ from: undefined, to: '8:acs:resource_user' })
  })

  it('tells keys, and stops what is not played', async () => {
    const { acs, desk } = await start()
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    for (const key of ['1', '*', 'A']) call.press(key)
    await until('keys', () => desk.calls[0]?.keys.length === 3)
    expect(desk.calls[0]?.keys).toEqual(['1', '*', 'A'])
    const { framing, links } = desk.calls[0] ?? {}
    links?.[0]?.send(framing?.media(tone(9, 5000).toString('base64')) ?? '')
    await until('a queue', () => call.queuedMs > 3000)
    call.press('#')
    await until('a stop', () => call.clearedAt.length === 1)
    expect(call.queuedMs).toBeLessThan(500)
  })

  it('is hung up by the relay', async () => {
    const { acs, desk } = await start()
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    await desk.calls[0]?.line.hangUp()
    expect(await call.ended).toEqual({ by: 'relay' })
    await desk.calls[0]?.line.hangUp()
    expect(operations()).toEqual(['answer', 'terminate'])
  })

  it('may be connected before the relay knows that it is answered', async () => {
    const { acs, desk } = await start({ acs: { answerAfterMs: 300 } })
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    await desk.calls[0]?.line.hangUp()
    expect(await call.ended).toEqual({ by: 'relay' })
  })

  it('rings again after a store that could not be asked', async () => {
    const { acs, desk } = await start()
    desk.failing = 'store'
    const { call, event } = acs.prepare({ from: CALLER, to: CALLED })
    expect((await acs.deliver([event])).status).toBe(503)
    desk.failing = undefined
    expect((await acs.deliver([event])).status).toBe(200)
    await call.connected
  })

  it('that rings while calls are not taken is left to another relay, unmarked', async () => {
    let isOpen = false
    const { acs, desk } = await start({ deps: { isOpen: () => isOpen } })
    const { call, event } = acs.prepare({ from: CALLER, to: CALLED })
    expect((await acs.deliver([event])).status).toBe(503)
    expect((await acs.subscribe()).status).toBe(200)
    expect([desk.calls, operations()]).toEqual([[], []])
    isOpen = true
    expect((await acs.deliver([event])).status).toBe(200)
    await call.connected
  })

  it('beyond those that may be answered at once is left to be delivered again, also while the store is asked', async () => {
    const { acs, desk, logs } = await start({ deps: { most: 1 } })
    const { isFirst } = desk
    let go: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    let asked = 0
    desk.isFirst = async (key, ms) => {
      asked++
      await gate
      return isFirst(key, ms)
    }
    const [one, two] = [acs.prepare({ from: CALLER, to: CALLED }), acs.prepare({ from: '+14255550101', to: CALLED })]
    const first = acs.deliver([one.event])
    await until('a question to the store', () => asked === 1)
    const second = acs.deliver([two.event])
    await Promise.race([second, until('a second question', () => asked === 2)])
    go()
    expect([(await first).status, (await second).status]).toEqual([200, 503])
    await one.call.connected
    await until('an answer', () => logs().includes('telephone call answered'))
    // Neither one that is delivered twice nor one that is answered takes room.
    expect((await acs.deliver([one.event])).status).toBe(200)
    expect((await acs.deliver([two.event])).status).toBe(200)
    await two.call.connected
  })

  it('is refused as busy if it gets no ticket', async () => {
    const { acs, desk } = await start()
    desk.failing = 'ticket'
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await expect(call.connected).rejects.toThrow('busy')
    expect(desk.calls[0]?.overs).toBe(1)
  })

  it.each([
    ['overloaded', 'busy'],
    ['too_many_sessions', 'busy'],
    ['rate_limited', 'busy'],
    ['upstream_refused', 'busy'],
    ['internal', 'busy'],
    ['draining', 'busy'],
    ['budget_spent', 'forbidden'],
    ['forbidden', 'forbidden'],
    ['bad_request', 'forbidden'],
  ] as const)('refused as %s hears %s', async (code, reason) => {
    const { acs, desk, logs } = await start()
    desk.refusal = new RefusalError(code, 'caller_denied')
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await expect(call.connected).rejects.toThrow(`refused the call as ${reason}`)
    expect(operations()).toEqual(['reject'])
    // The desk has said it.
    expect(logs()).not.toContain('telephone call refused')
  })

  it('whose caller is gone when it is answered leaves nothing', async () => {
    const { acs, desk } = await start()
    const { call, event } = acs.prepare({ from: CALLER, to: CALLED })
    await call.hangUp()
    await acs.deliver([event])
    await until('the end', () => desk.calls[0]?.overs === 1)
    expect(acs.seen.map(({ operation, status }) => [operation, status])).toEqual([['answer', 404]])
  })

  it('whose answer was lost is hung up when its media come', async () => {
    const { acs, desk } = await start({
      wrapControl: (control) => ({
        ...control,
        async answer(context, addresses) {
          await control.answer(context, addresses)
          throw new Error('the answer did not arrive')
        },
      }),
    })
    const call = await acs.ring({ from: CALLER, to: CALLED, answerAfterMs: 100 })
    expect(await call.ended).toEqual({ by: 'relay' })
    expect(desk.calls[0]?.overs).toBe(1)
  })

  it('opened by another instance gets its media here', async () => {
    const { acs, desk } = await start()
    desk.elsewhere = true
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    expect(desk.calls).toHaveLength(2)
    await desk.calls[1]?.line.hangUp()
    expect(await call.ended).toEqual({ by: 'relay' })
  })
})

describe('a transfer', () => {
  it('is done once the service says so', async () => {
    const { acs, desk } = await start()
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    await desk.calls[0]?.line.transfer('+14255550123')
    expect(await call.ended).toEqual({ by: 'relay', transferredTo: '+14255550123' })
    await until('the end', () => (desk.calls[0]?.overs ?? 0) > 0)
  })

  it('that fails leaves the call as it was', async () => {
    const { acs, desk, logs } = await start({ acs: { transfers: 'failed' } })
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    await expect(desk.calls[0]?.line.transfer('tel:+14255550123')).rejects.toThrow('transfer: refused')
    await call.say(tone(77, 100))
    await until('the echo', () => samplesIn(call.heard()).has(77))
    expect(logs()).not.toContain('4255550123')
  })

  it('to what is no address is not asked for', async () => {
    const { acs, desk } = await start()
    await (await acs.ring({ from: CALLER, to: CALLED })).connected
    for (const target of ['+1425555012x', 'sip:a@b', '+14255550123;phone-context=x', '', '8:acs:a b'])
      await expect(desk.calls[0]?.line.transfer(target), target).rejects.toThrow('bad_target')
    expect(operations()).toEqual(['answer'])
  })
})

describe('a media socket that the service cannot reach', () => {
  it('is asked for once more, and then the call ends', async () => {
    const { acs, desk, logs } = await start({ acs: { mediaPath: '/nothing/here' } })
    const call = await acs.ring({ from: CALLER, to: CALLED })
    expect(await call.ended).toEqual({ by: 'relay' })
    expect(operations()).toEqual(['answer', 'startMediaStreaming', 'terminate'])
    expect(desk.calls[0]?.overs).toBe(1)
    expect(logs()).toContain('8581')
  })
})

describe('a lost media socket', () => {
  it('is asked for once more, at the same address', async () => {
    const { acs } = await start()
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    call.loseMedia()
    await until('a second socket', () => call.sockets === 2)
    await call.say(tone(55, 200))
    await until('the echo', () => samplesIn(call.heard()).has(55))
    expect(operations()).toEqual(['answer', 'startMediaStreaming'])
    call.loseMedia()
    expect(await call.ended).toEqual({ by: 'relay' })
    expect(operations()).toEqual(['answer', 'startMediaStreaming', 'terminate'])
  })

  it('comes back though a late word says that the first stream failed', async () => {
    let late: () => Promise<unknown> = async () => undefined
    const wrapControl: LabOptions['wrapControl'] = (control) => ({
      ...control,
      async startMedia(id) {
        await late()
        await until('the word in the log', () => lab.logs().includes('8581'))
        await control.startMedia(id)
      },
    })
    const { acs } = await start({ wrapControl })
    const call = await acs.ring({ from: CALLER, to: CALLED })
    const failed = callbackEvent('MediaStreamingFailed', call.names, { resultInformation: { code: 400, subCode: 8581 } })
    late = () => acs.callBack(call.addresses?.callbackUri ?? '', [failed])
    await call.connected
    call.loseMedia()
    await until('a second socket', () => call.sockets === 2)
    await call.say(tone(55, 200))
    await until('the echo', () => samplesIn(call.heard()).has(55))
    expect(operations()).toEqual(['answer', 'startMediaStreaming'])
    call.loseMedia()
    expect(await call.ended).toEqual({ by: 'relay' })
  })

  it('that cannot be asked for ends the call', async () => {
    const { acs } = await start({ wrapControl: (control) => ({ ...control, startMedia: () => Promise.reject(new AcsError('start_media', 500, 'refused')) }) })
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    call.loseMedia()
    expect(await call.ended).toEqual({ by: 'relay' })
  })

  it('is not asked for if the call is over', async () => {
    const { acs, desk } = await start({ times: { graceMs: 100 } })
    const call = await acs.ring({ from: CALLER, to: CALLED })
    await call.connected
    await call.hangUp()
    await until('the end', () => (desk.calls[0]?.overs ?? 0) > 0)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(operations()).toEqual(['answer'])
  })
})

describe('two calls at once', () => {
  it('never touch each other', async () => {
    const { acs, desk } = await start()
    const [one, two] = await Promise.all([acs.ring({ from: CALLER, to: CALLED }), acs.ring({ from: '+14255550101', to: CALLED })])
    await Promise.all([one.connected, two.connected])
    await Promise.all([one.say(tone(111, 300)), two.say(tone(222, 300))])
    await until('both echoes', () => samplesIn(one.heard()).has(111) && samplesIn(two.heard()).has(222))
    const first = desk.calls.find(({ ring }) => ring.from === CALLER)
    await first?.line.hangUp()
    expect(await one.ended).toEqual({ by: 'relay' })
    await two.say(tone(333, 200))
    await until('the other goes on', () => samplesIn(two.heard()).has(333))
    expect([samplesIn(one.heard()), samplesIn(two.heard())]).toEqual([new Set([111]), new Set([222, 333])])
    expect(desk.calls.map(({ overs, ring }) => [ring.from, overs > 0])).toContainEqual(['+14255550101', false])
  })
})
