// Playbooks for the built-in tools: hanging up and transferring, after what was said was heard, and not if the user speaks before.
import { describe, expect, it } from 'vitest'
import { isBuiltIn, targetOf, withBuiltIns } from '../../../../src/core/session/manners/built-in.js'
import { ev, profile, tool } from '../../../support/playbook.js'
import { callPlay } from '../call/call-play.js'
import { answered, asked, calls, error, mannered, outputs, pass, SILENCE, speech } from './manners-play.js'

const HANG_UP = ev.call('call_h', 'hang_up')
const transfer = (to: unknown, callId = 'call_t') => ev.call(callId, 'transfer_call', JSON.stringify({ to }))
const MANNERS = { hangUp: true, transferTo: ['sales', 'Front desk'] }

describe('the tools', () => {
  const names = (manners: object, onPhone: boolean, tools = [tool('get_weather')]) =>
    withBuiltIns(profile({ tools, manners }), onPhone).tools.map(({ definition }) => definition.name)

  it('are offered as the profile says, a transfer only on the telephone', () => {
    expect(names(MANNERS, true)).toEqual(['get_weather', 'hang_up', 'transfer_call'])
    expect(names(MANNERS, false)).toEqual(['get_weather', 'hang_up'])
    expect(names({ transferTo: [] }, true)).toEqual(['get_weather'])
    expect(withBuiltIns(profile(), true)).toEqual(profile())
  })

  it('take the place of tools that have come to have their names, and leave the session within its bound', () => {
    expect(names(MANNERS, true, [tool('hang_up'), tool('get_weather')])).toEqual(['get_weather', 'hang_up', 'transfer_call'])
    expect(
      names(
        MANNERS,
        true,
        Array.from({ length: 128 }, (_, at) => tool(`t${at}`)),
      ),
    ).toHaveLength(128)
  })

  it('are core’s own only where they are offered', () => {
    const offered = withBuiltIns(profile({ manners: MANNERS }), true)
    expect(['hang_up', 'transfer_call', 'get_weather'].map((name) => isBuiltIn(offered, name))).toEqual([true, true, false])
    const configured = profile({ tools: [tool('hang_up')], manners: {} })
    expect(isBuiltIn(configured, 'hang_up')).toBe(false)
    expect(isBuiltIn(withBuiltIns(profile({ manners: MANNERS }), false), 'transfer_call')).toBe(false)
  })

  it('name targets, and nothing else of them', () => {
    const { tools } = withBuiltIns(profile({ manners: MANNERS }), true)
    expect(tools.at(-1)?.definition.parameters).toMatchObject({ properties: { to: { enum: ['sales', 'Front desk'] } } })
    const read = (args: string) => targetOf({ ...profile(), manners: MANNERS }, args)
    expect(read('{"to":"sales"}')).toBe('sales')
    for (const odd of ['{"to":"Sales"}', '{"to":["sales"]}', '{}', '[]', 'null', 'x', `{"to":"sales","x":"${'x'.repeat(600)}"}`]) expect(read(odd)).toBeUndefined()
  })

  it('are hidden from the client', () => {
    const p = mannered(MANNERS, { relayEvents: true })
    calls(p, 'resp_1', HANG_UP, true)
    expect(JSON.stringify(p.allTo('client'))).not.toMatch(/hang_up|call_h|transfer_call/)
  })
})

describe('hanging up', () => {
  it('waits until the goodbye was heard', () => {
    const p = mannered(MANNERS)
    expect(calls(p, 'resp_1', HANG_UP, true)).not.toContain('start call_h')
    expect(pass(p, 8000, (now) => Math.max(0, 8000 - now))).toEqual([])
    expect(pass(p, 9000)).toEqual(['close session_over hung_up'])
    expect(p.now).toBeGreaterThanOrEqual(8000)
    expect(outputs(p)).toEqual([])
  })

  it('has a goodbye said first, and once', () => {
    const p = mannered(MANNERS)
    expect(calls(p, 'resp_1', HANG_UP, false).slice(-2)).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    expect(outputs(p)).toEqual([expect.stringMatching(/^Say goodbye/)])
    expect(pass(p, 10_000)).toEqual([])
    calls(p, 'resp_2', ev.call('call_2', 'hang_up'), false)
    expect(asked(p)).toHaveLength(1)
    expect(pass(p, 11_000)).toEqual(['close session_over hung_up'])
  })

  it('has a goodbye said, and ends when that was heard', () => {
    const p = mannered(MANNERS)
    calls(p, 'resp_1', HANG_UP, false)
    answered(p, 'resp_2')
    expect(pass(p, 2000, (now) => Math.max(0, 2000 - now))).toEqual([])
    expect(pass(p, 2900)).toEqual(['close session_over hung_up'])
  })

  it('does not wait for ever: for a goodbye that does not come, or is never heard', () => {
    const silent = mannered(MANNERS)
    calls(silent, 'resp_1', HANG_UP, false)
    expect(pass(silent, 14_900)).toEqual([])
    expect(pass(silent, 15_100)[0]).toMatch(/^park session_over hung_up/)
    const unheard = mannered(MANNERS)
    calls(unheard, 'resp_1', HANG_UP, true)
    expect(pass(unheard, 18_000, () => 3000)).toEqual([])
    expect(pass(unheard, 18_400, () => 3000)).toEqual(['close session_over hung_up'])
    const endless = mannered(MANNERS)
    endless.upstream(ev.created('resp_1'))
    endless.upstream(ev.itemDone('resp_1', HANG_UP))
    expect(pass(endless, 61_000)[0]).toMatch(/^park session_over hung_up/)
  })

  it('waits for other tools, and for what they are answered with', () => {
    const p = mannered(MANNERS)
    const weather = ev.call('call_w', 'get_weather')
    p.upstream(ev.created('resp_1'))
    for (const item of [ev.message('m'), weather, HANG_UP]) p.upstream(ev.itemDone('resp_1', item))
    p.upstream(ev.done('resp_1', [ev.message('m'), weather, HANG_UP]))
    expect(pass(p, 4000)).toEqual([])
    expect(p.toolFinished('call_w')).toEqual(['upstream conversation.item.create'])
    expect(pass(p, 5000)).toEqual(['close session_over hung_up'])
  })

  it('is called off by a user who says something before the end, and is answered', () => {
    const p = mannered(MANNERS)
    calls(p, 'resp_1', HANG_UP, true)
    pass(p, 1000, () => 5000)
    expect(p.upstream(speech.started)).toEqual(['client input_audio_buffer.speech_started', 'upstream conversation.item.create'])
    expect(outputs(p)).toEqual([expect.stringMatching(/^The user spoke before the end/)])
    const item = p.lastTo('upstream')?.item as object
    p.upstream(ev.added(item))
    p.upstream(speech.stopped)
    p.upstream(speech.committed)
    // The answer to what was said is the answer to the tool's output too.
    expect(answered(p, 'resp_2').filter((line) => line.startsWith('upstream'))).toEqual([])
    expect(pass(p, 60_000)).toEqual([])
    expect(p.state.life).toBe('open')
    calls(p, 'resp_3', ev.call('call_2', 'hang_up'), true)
    expect(pass(p, 62_000)).toEqual(['close session_over hung_up'])
  })

  it('is called off while its response still goes on, by speech, by a client that stops it, and by its failure', () => {
    const spoken = mannered(MANNERS)
    spoken.upstream(ev.created('resp_1'))
    spoken.upstream(ev.itemDone('resp_1', HANG_UP))
    expect(spoken.upstream(speech.started)).toContain('upstream conversation.item.create')
    spoken.upstream(ev.done('resp_1', [HANG_UP], 'cancelled'))
    expect(pass(spoken, 70_000)).toEqual([])
    const failed = mannered(MANNERS)
    failed.upstream(ev.created('resp_1'))
    failed.upstream(ev.itemDone('resp_1', HANG_UP))
    expect(failed.upstream(ev.done('resp_1', [HANG_UP], 'failed'))).not.toContain('cancel call_h')
    expect(outputs(failed)).toEqual([expect.stringMatching(/stopped/)])
    expect(pass(failed, 70_000)).toEqual([])
    const stopped = mannered(MANNERS)
    calls(stopped, 'resp_1', HANG_UP, true)
    stopped.client({ type: 'response.cancel' })
    expect(pass(stopped, 70_000)).toEqual([])
  })

  it('is called off by a client that types', () => {
    const p = mannered(MANNERS)
    calls(p, 'resp_1', HANG_UP, true)
    p.client({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'wait' }] } })
    p.client({ type: 'response.create' })
    expect(outputs(p)).toEqual([expect.stringMatching(/^The user spoke/)])
    expect(pass(p, 30_000)).toEqual([])
  })

  it('in a call waits until the upstream has played it', () => {
    const p = callPlay('media-only', { ...withBuiltIns(profile({ tools: [], manners: MANNERS }), true) })
    p.upstream({ type: 'input_audio_buffer.committed', event_id: 'e', item_id: 'turn', previous_item_id: null })
    p.begins('resp_1')
    p.upstream({ type: 'output_audio_buffer.started', event_id: 'e', response_id: 'resp_1' })
    for (const item of [ev.message('m'), HANG_UP]) p.upstream(ev.itemDone('resp_1', item))
    p.upstream(ev.done('resp_1', [ev.message('m'), HANG_UP]))
    expect(pass(p, 20_000)).toEqual([])
    p.upstream({ type: 'output_audio_buffer.stopped', event_id: 'e', response_id: 'resp_1' })
    expect(pass(p, 20_600)).toEqual(['close session_over hung_up'])
  })

  it('is not cut off by the end of a drain before its deadline', () => {
    const p = mannered(MANNERS)
    calls(p, 'resp_1', HANG_UP, true)
    expect(p.feed({ type: 'drain', untilMs: 60_000 })).toEqual([])
    expect(pass(p, 5000, (now) => Math.max(0, 4000 - now))).toEqual(['close session_over hung_up'])
  })

  it('has no silence counted, and no line said, meanwhile', () => {
    const p = mannered({ ...MANNERS, silence: SILENCE }, { toolNoticeMs: 100, toolFiller: 'Say that you look.' })
    calls(p, 'resp_1', HANG_UP, true)
    expect(pass(p, 12_000, (now) => Math.max(0, 12_000 - now))).toEqual([])
    expect(asked(p)).toEqual([])
  })

  it('asked for twice in one response is answered in words', () => {
    const p = mannered(MANNERS)
    p.upstream(ev.created('resp_1'))
    p.upstream(ev.itemDone('resp_1', HANG_UP))
    p.upstream(ev.itemDone('resp_1', ev.call('call_2', 'hang_up')))
    expect(outputs(p)).toEqual(['The call is ending already.'])
  })
})

describe('transferring', () => {
  it('is asked of the carrier once what was said was heard, and ends the session when it has the caller', () => {
    const p = mannered(MANNERS)
    calls(p, 'resp_1', transfer('Front desk'), true)
    expect(pass(p, 3000, (now) => Math.max(0, 3000 - now))).toEqual([])
    expect(pass(p, 4000)).toEqual(['transfer call_t Front desk'])
    expect(p.feed({ type: 'phone.transferred', callId: 'other', ok: true })).toEqual([])
    expect(p.feed({ type: 'phone.transferred', callId: 'call_t', ok: true })).toEqual(['close session_over transferred'])
  })

  it('that fails is told to the model, which goes on', () => {
    const p = mannered(MANNERS)
    calls(p, 'resp_1', transfer('sales'), false)
    pass(p, 1000)
    expect(p.feed({ type: 'phone.transferred', callId: 'call_t', ok: false })).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    expect(outputs(p)).toEqual([expect.stringMatching(/^The transfer failed/)])
    answered(p, 'resp_2')
    calls(p, 'resp_3', transfer('sales', 'call_2'), false)
    expect(pass(p, 2000)).toEqual(['transfer call_2 sales'])
  })

  it('of which nobody says anything has failed after half a minute', () => {
    const p = mannered(MANNERS)
    calls(p, 'resp_1', transfer('sales'), false)
    pass(p, 29_000)
    expect(outputs(p)).toEqual([])
    pass(p, 31_000)
    expect(outputs(p)).toEqual([expect.stringMatching(/^The transfer failed/)])
    expect(p.feed({ type: 'phone.transferred', callId: 'call_t', ok: true })).toEqual([])
  })

  it('to an unknown name, and a second one, are refused in words', () => {
    const p = mannered(MANNERS)
    expect(calls(p, 'resp_1', transfer('+15550100'), false).slice(-1)).toEqual(['upstream response.create'])
    expect(outputs(p)).toEqual([expect.stringMatching(/^There is nobody of that name/)])
    answered(p, 'resp_2')
    p.upstream(ev.created('resp_3'))
    for (const item of [transfer('sales', 'call_3'), transfer('Front desk', 'call_4'), HANG_UP]) p.upstream(ev.itemDone('resp_3', item))
    expect(outputs(p).slice(1)).toEqual(['The user is being transferred already.', 'The user is being transferred already.'])
    p.upstream(ev.done('resp_3', [transfer('sales', 'call_3')]))
    expect(pass(p, 1000)).toEqual(['transfer call_3 sales'])
  })

  it('goes before hanging up', () => {
    const p = mannered(MANNERS)
    p.upstream(ev.created('resp_1'))
    for (const item of [ev.message('m'), HANG_UP, transfer('sales')]) p.upstream(ev.itemDone('resp_1', item))
    expect(outputs(p)).toEqual(['The user is transferred instead.'])
    p.upstream(ev.done('resp_1', [ev.message('m'), HANG_UP, transfer('sales')]))
    expect(pass(p, 1000)).toEqual(['transfer call_t sales'])
  })

  it('is called off by speech before the carrier was asked, and not after', () => {
    const before = mannered(MANNERS)
    calls(before, 'resp_1', transfer('sales'), true)
    before.upstream(speech.started)
    expect(outputs(before)).toEqual([expect.stringMatching(/^The user spoke/)])
    expect(pass(before, 40_000)).toEqual([])
    const after = mannered(MANNERS)
    calls(after, 'resp_1', transfer('sales'), true)
    pass(after, 1000)
    after.upstream(speech.started)
    expect(outputs(after)).toEqual([])
    after.upstream(speech.stopped)
    expect(answered(after, 'resp_2').filter((line) => line.startsWith('upstream'))).toEqual([])
    expect(after.feed({ type: 'phone.transferred', callId: 'call_t', ok: true })).toEqual(['close session_over transferred'])
  })
})

it('a goodbye that is refused is as good as said', () => {
  const p = mannered({ silence: { ...SILENCE, times: 0 } })
  pass(p, 5001)
  expect(p.upstream(error(p, 'server_error'))).toEqual([])
  expect(pass(p, 6000)).toEqual(['close session_over silence'])
})
