// A session whose client is a telephone: keys come in, transfers go out by name, and no target or key is seen by anybody else.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Manners } from '../../src/core/policy/profile.js'
import { ev, tool } from '../support/playbook.js'
import { type Lab, openLab } from '../support/relay-lab.js'

const TARGET = '+15550100'
const LABELS = { hangUp: true, transferTo: ['sales'] } as const

afterEach(() => {
  vi.useRealTimers()
})

interface Called {
  readonly lab: Lab
  readonly transfers: string[]
}

/** `transfer`: what the carrier makes of it. */
async function called(manners: Manners, transfer: () => Promise<void> = async () => undefined, targets: Record<string, string> = { sales: TARGET }): Promise<Called> {
  const transfers: string[] = []
  const line = {
    hangUp: async () => undefined,
    transfer(target: string) {
      transfers.push(target)
      return transfer()
    },
  }
  const lab = openLab({ profile: { tools: [tool('get_weather')], manners }, phone: { carrier: 'twilio', line, transferTo: targets } })
  await lab.live()
  return { lab, transfers }
}

async function modelCalls({ upstream }: Lab, id: string, call: object): Promise<void> {
  upstream.say(ev.created(id))
  upstream.say(ev.itemDone(id, call))
  upstream.say(ev.done(id, [call]))
  await upstream.rest()
}

const transferTo = (to: string) => ev.call('call_1', 'transfer_call', JSON.stringify({ to }))

describe('a transfer', () => {
  it('goes to the target of its name, and ends the session when the carrier has the caller', async () => {
    const { lab, transfers } = await called(LABELS)
    await modelCalls(lab, 'resp_1', transferTo('sales'))
    await lab.pass(2000)
    expect(transfers).toEqual([TARGET])
    expect((await lab.client.closed).reason).toMatch(/^session_over/)
    expect(lab.noted('session_closed')).toMatchObject([{ code: 'session_over', why: 'transferred' }])
    expect(lab.tools).toEqual([])
  })

  it.each([
    ['that the carrier refuses', () => Promise.reject(new Error(`no route to ${TARGET}`)), 1000],
    ['that the carrier does not answer', () => new Promise<void>(() => {}), 21_000],
  ])('%s is told to the model, without its target', async (_, transfer, ms) => {
    const { lab, transfers } = await called(LABELS, transfer)
    await modelCalls(lab, 'resp_1', transferTo('sales'))
    await lab.pass(2000)
    await lab.pass(ms)
    expect(transfers).toEqual([TARGET])
    const upstream = (await lab.upstream.rest()).join('\n')
    expect(upstream).toContain('The transfer failed')
    expect(`${upstream}${(await lab.client.rest()).join()}${JSON.stringify(lab.notes)}`).not.toContain(TARGET)
    expect(lab.ended()).toBe(0)
  })

  it('to nobody the model was told of is not asked of the carrier', async () => {
    const { lab, transfers } = await called(LABELS)
    lab.upstream.say(ev.created('resp_1'))
    lab.upstream.say(ev.itemDone('resp_1', transferTo(TARGET)))
    expect((await lab.upstream.rest()).join()).toContain('There is nobody of that name')
    await lab.pass(5000)
    expect(transfers).toEqual([])
  })

  it('whose target is not known here has failed', async () => {
    const { lab, transfers } = await called(LABELS, undefined, {})
    await modelCalls(lab, 'resp_1', transferTo('sales'))
    await lab.pass(2000)
    expect((await lab.upstream.rest()).join()).toContain('The transfer failed')
    expect(transfers).toEqual([])
  })
})

it('without a telephone the model may hang up, and not transfer', async () => {
  const lab = openLab({ profile: { tools: [], manners: LABELS } })
  expect(lab.owned.tools.map(({ definition }) => definition.name)).toEqual(['hang_up'])
  await lab.live()
  lab.upstream.say(ev.created('resp_1'))
  for (const item of [ev.message('m'), ev.call('call_1', 'hang_up')]) lab.upstream.say(ev.itemDone('resp_1', item))
  lab.upstream.say(ev.done('resp_1', [ev.message('m'), ev.call('call_1', 'hang_up')]))
  await lab.pass(2000)
  expect(lab.noted('session_closed')).toMatchObject([{ code: 'session_over', why: 'hung_up' }])
})

describe('keys', () => {
  it('go to a server-run tool, and to nobody else', async () => {
    const { lab } = await called({ keys: 'tools' })
    for (const key of '4929#') lab.press(key)
    await modelCalls(lab, 'resp_1', ev.call('call_1', 'get_weather'))
    expect(lab.tools.map(({ context }) => context.keys)).toEqual(['4929#'])
    await lab.pass(5000)
    const seen = `${(await lab.upstream.rest()).join()}${(await lab.client.rest()).join()}${JSON.stringify(lab.notes)}`
    expect(seen).not.toContain('4929')
    expect(seen).not.toMatch(/4.{0,3}9.{0,3}2.{0,3}9/)
  })

  it('come also from the telephone of a profile with relay events, which nobody comes back to', async () => {
    const line = { hangUp: async () => undefined, transfer: async () => undefined }
    const phone = { carrier: 'acs', line, transferTo: {} } as const
    const lab = openLab({ profile: { tools: [], manners: { keys: 'model' }, relayEvents: true }, phone, settings: { resume: { resumeMs: 1000, bufferBytes: 1000 } } })
    await lab.live()
    lab.press('#')
    expect((await lab.upstream.rest()).join()).toContain('Keys pressed: #')
  })

  it('are told to the model if the profile says so', async () => {
    const { lab } = await called({ keys: 'model' })
    for (const key of '12') lab.press(key)
    await lab.pass(3000)
    expect((await lab.upstream.rest()).join()).toContain('Keys pressed: 1 2')
    expect(`${(await lab.client.rest()).join()}${JSON.stringify(lab.notes)}`).not.toContain('Keys pressed')
  })
})
