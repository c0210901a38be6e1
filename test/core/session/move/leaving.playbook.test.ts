// A drain with clients that may come back: their sessions are served on until a quiet point, and then go on elsewhere.
import { describe, expect, it } from 'vitest'
import { leavingDueAt } from '../../../../src/core/session/move/leaving.js'
import { ev, type Play } from '../../../support/playbook.js'
import { lose } from '../restore/lost-upstream.js'
import { exportOf, movable } from './moving-play.js'

const UNTIL = 20_000
/** In mid-answer, so that it cannot leave at once. */
function busy(change: Parameters<typeof movable>[0] = {}): Play {
  const p = movable(change)
  p.state = { ...p.state, detectsTurns: true, answersTurns: true }
  p.client({ type: 'response.create', event_id: 'mine' })
  p.upstream(ev.created('r1'))
  return p
}
const leave = (p: Play) => p.input({ type: 'drain', untilMs: UNTIL, moves: true })
const left = (actions: ReturnType<Play['input']>) => exportOf(actions)?.code

describe('a session that may go on elsewhere', () => {
  it('is told so, is open as ever, and leaves when its answer is over', () => {
    const p = busy()
    expect(leave(p)).toMatchObject([{ type: 'send', event: { type: 'relay.draining', resume: true } }])
    expect(p.state.life).toBe('open')
    const actions = p.input({ type: 'upstream.event', leg: 1, event: ev.done('r1') as never, frame: undefined })
    expect(left(actions)).toBe('draining')
    expect(actions.at(-1)).toMatchObject({ type: 'close', code: 'draining', why: 'moved' })
  })

  it('leaves at once if it is quiet, or restores its upstream', () => {
    const quiet = movable()
    quiet.state = { ...quiet.state, detectsTurns: true }
    expect(left(leave(quiet))).toBe('draining')
    const restoring = movable()
    lose(restoring)
    expect(left(leave(restoring))).toBe('draining')
  })

  it('waits for a sentence of the user, its answer, and tools at work', () => {
    const p = busy()
    leave(p)
    p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'item_9', audio_start_ms: 1 })
    expect(p.upstream(ev.done('r1', [], 'cancelled'))).not.toContain('close draining moved')
    const tools = busy()
    leave(tools)
    const call = ev.call('call_1', 'get_weather')
    tools.upstream(ev.itemDone('r1', call))
    expect(tools.upstream(ev.done('r1', [call]))).not.toContain('close draining moved')
    tools.toolFinished('call_1')
    expect(tools.state.life).toBe('open')
  })

  it('waits for the words of a spoken turn, but only for half of the time', () => {
    const p = busy()
    // Else no words would come.
    p.state = { ...p.state, voice: { ...p.state.voice, transcribes: true } }
    leave(p)
    p.upstream(ev.added({ id: 'item_1', type: 'message', status: 'completed', role: 'user', content: [{ type: 'input_audio', transcript: null }] }))
    p.upstream({
      type: 'conversation.item.done',
      event_id: 'e',
      item: { id: 'item_1', type: 'message', status: 'completed', role: 'user', content: [{ type: 'input_audio', transcript: null }] },
    })
    p.upstream(ev.done('r1'))
    expect(p.state.life).toBe('open')
    expect(p.tick(9_999)).toEqual([])
    expect(p.tick(10_000)).toContain('close draining moved')
  })

  it('leaves a second before the end, whatever is under way', () => {
    const p = busy()
    leave(p)
    expect(p.tick(18_999)).toEqual([])
    const item = { id: 'item_1', type: 'message', status: 'in_progress', role: 'assistant', content: [] }
    p.upstream(ev.itemAdded('r1', item))
    p.upstream(ev.added(item))
    p.now = 19_000
    const actions = p.input({ type: 'tick', clientActiveAt: 0, said: [{ itemId: 'item_1', text: 'The sea is calm', audioMs: 0 }] })
    expect(left(actions)).toBe('draining')
    expect(JSON.stringify(exportOf(actions)?.state.state)).toContain('"text":"The sea is calm"')
    expect(actions.some(({ type }) => type === 'park')).toBe(true)
  })

  it.each([
    [1000, 21_000, 11_000, 20_000],
    [1000, 6000, 3500, 5500],
    [1000, 500, 1000, 500],
  ])('that is told at %i of a drain until %i is less strict from %i on, and leaves at %i', (now, untilMs, relaxedAt, lastAt) => {
    const p = busy()
    p.now = now
    const actions = p.input({ type: 'drain', untilMs, moves: true })
    if (lastAt <= now) return expect(left(actions)).toBe('draining')
    expect(leavingDueAt(p.state)).toBe(relaxedAt)
    expect(p.tick(relaxedAt)).toEqual([])
    expect(leavingDueAt(p.state)).toBe(lastAt)
    expect(p.tick(lastAt - 1)).toEqual([])
    expect(p.tick(lastAt)).toContain('park draining moved')
  })

  it('and has left is ended by the end of the drain like any other whose use is not known yet', () => {
    const p = busy()
    leave(p)
    expect(p.tick(19_000)).toContain('park draining moved')
    expect(p.feed({ type: 'end', code: 'draining', why: 'drain_deadline' })).toContain('close draining drain_deadline')
  })

  it('waits for a call of the client’s beside one of its own', () => {
    const p = busy()
    leave(p)
    const [own, clients] = [ev.call('call_1', 'get_weather'), ev.call('call_2', 'show_on_screen')]
    p.upstream(ev.itemDone('r1', own))
    p.upstream(ev.itemDone('r1', clients))
    p.upstream(ev.done('r1', [own, clients]))
    p.toolFinished('call_1')
    p.upstream(ev.added(p.lastTo('upstream')?.item as object))
    p.upstream({ type: 'conversation.item.done', event_id: 'e', item: p.lastTo('upstream')?.item })
    expect(p.tick(12_000)).toEqual([])
    expect(p.state.life).toBe('open')
    p.client({ type: 'conversation.item.create', item: { id: 'mine', type: 'function_call_output', call_id: 'call_2', output: 'shown' } })
    p.upstream(ev.added({ id: 'mine', type: 'function_call_output', call_id: 'call_2', output: 'shown' }))
    p.upstream({ type: 'conversation.item.done', event_id: 'e', item: { id: 'mine', type: 'function_call_output', call_id: 'call_2', output: 'shown' } })
    p.upstream(ev.created('r2'))
    expect(p.state.life).toBe('open')
    expect(p.upstream(ev.done('r2')).at(-1)).toBe('close draining moved')
  })

  it('leaves rather than being ended by the drain', () => {
    const p = busy()
    leave(p)
    expect(left(p.input({ type: 'end', code: 'draining', why: 'drain_deadline' }))).toBe('draining')
  })

  it('goes on serving: the upstream that is lost meanwhile is no end', () => {
    const p = busy()
    leave(p)
    expect(left(p.input({ type: 'upstream.closed', leg: 1, code: 1006, said: [] }))).toBe('draining')
  })
})

describe('any other session', () => {
  it.each([
    ['without a token to come back with', (p: Play) => ({ ...p.state, resume: { ...p.state.resume, isOffered: false } }), true],
    ['where nothing is shared', (p: Play) => p.state, undefined],
  ])('%s drains as before', (_name, state, moves) => {
    const p = busy()
    p.state = state(p)
    const actions = p.input({ type: 'drain', untilMs: UNTIL, ...(moves && { moves }) })
    expect(actions[0]).toMatchObject({ event: { type: 'relay.draining' } })
    expect(JSON.stringify(actions)).not.toContain('resume')
    expect(p.state.life).toBe('draining')
    expect(p.upstream(ev.done('r1'))).toContain('close draining drained')
  })
})

describe('a turn that is over', () => {
  it('is worth keeping, once for each change', () => {
    const p = busy()
    expect(p.input({ type: 'upstream.event', leg: 1, event: ev.done('r1') as never, frame: undefined }).filter(({ type }) => type === 'resume.keep')).toHaveLength(1)
    const added = { type: 'conversation.item.added', event_id: 'e', previous_item_id: null, item: ev.message('m1') }
    expect(p.input({ type: 'upstream.event', leg: 1, event: added as never, frame: undefined }).map(({ type }) => type)).toContain('resume.keep')
    expect(p.input({ type: 'tick', clientActiveAt: 0 })).toEqual([])
  })
})
