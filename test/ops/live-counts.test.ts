// What is counted for operators: causes by kind, in slots that pass, within bounds.
import { describe, expect, it } from 'vitest'
import { createLiveCounts, SLOT_MS } from '../../src/ops/live-counts.js'

describe('counts for operators', () => {
  it('by cause, in the last five minutes and since the start', () => {
    let now = 1_800_000_000_000
    const live = createLiveCounts(() => now)
    live.recorder.note({ type: 'upstream_error', code: 'server_error' })
    now += 4 * 60_000
    live.recorder.note({ type: 'upstream_error', code: 'server_error' })
    live.recorder.note({ type: 'upgrade_refused', code: 'rate_limited' })
    live.dialled('west', 'opened')
    live.dialled('west', 'failed')
    const cause = (name: string) => live.counts().causes.find(({ cause: one }) => one === name)
    expect(cause('server_error')).toEqual({ kind: 'upstream error', cause: 'server_error', recent: 2, total: 2 })
    now += 2 * 60_000
    expect(cause('server_error')).toEqual({ kind: 'upstream error', cause: 'server_error', recent: 1, total: 2 })
    expect(cause('west:failed')).toMatchObject({ kind: 'dial failed', recent: 1 })
    expect(live.dialsOf('west')).toEqual({ opened: 1, failed: 1 })
    expect(live.dialsOf('east')).toEqual({})
    now += 60 * 60_000
    expect(live.counts().causes.map(({ recent }) => recent)).toEqual([0, 0, 0])
  })

  it('in slots of ten seconds, the present one last; a clock set back counts on', () => {
    let now = 1_800_000_000_000
    const live = createLiveCounts(() => now)
    live.recorder.note({ type: 'session_opened', dialect: 'ga', profile: 'default', enforcement: 'prevents' })
    now += 2 * SLOT_MS
    live.recorder.note({ type: 'session_opened', dialect: 'ga', profile: 'default', enforcement: 'prevents' })
    live.recorder.note({ type: 'response_done', responseId: 'r', model: undefined, status: 'failed', usage: undefined })
    const { slots, answers } = live.counts()
    expect(slots.slot).toBe(now / SLOT_MS)
    expect(slots.opened.slice(-3)).toEqual([1, 0, 1])
    expect([slots.answers.at(-1), slots.problems.at(-1)]).toEqual([1, 1])
    expect(answers).toEqual({ failed: 1 })
    now -= SLOT_MS
    live.recorder.note({ type: 'session_opened', dialect: 'ga', profile: 'default', enforcement: 'prevents' })
    now += SLOT_MS
    expect(live.counts().slots.opened.slice(-3)).toEqual([1, 1, 1])
  })

  it('what ends well is no problem, and a name that a peer chose becomes no cause', () => {
    const live = createLiveCounts(() => 1_800_000_000_000)
    const closed = { why: 'x', durationMs: 1, upMessages: 0, downMessages: 0, upBytes: 0, downBytes: 0 }
    for (const code of ['client_left', 'idle', 'session_over'] as const) live.recorder.note({ type: 'session_closed', code, ...closed })
    live.recorder.note({ type: 'response_done', responseId: 'r', model: undefined, status: 'completed', usage: undefined })
    live.recorder.note({ type: 'tool_finished', callId: 'c', tool: 'get_weather', outcome: 'ok', durationMs: 5, cut: false })
    expect(live.counts().causes).toEqual([])
    live.recorder.note({ type: 'session_closed', code: 'internal', ...closed })
    live.recorder.note({ type: 'tool_finished', callId: 'c', tool: 'what I was told about Bob', outcome: 'unknown_tool', durationMs: 5, cut: false })
    live.recorder.note({ type: 'upstream_error', code: 'Bob said: no' })
    expect(live.counts().causes.map(({ cause }) => cause)).toEqual(['internal', 'unknown_tool', 'other'])
  })

  it('has at most 201 causes of a kind, however many codes an upstream makes up', () => {
    const live = createLiveCounts(() => 1_800_000_000_000)
    for (let i = 0; i < 1000; i++) live.recorder.note({ type: 'upstream_error', code: `made_up_${i}` })
    expect(live.counts().causes).toHaveLength(201)
    expect(live.counts().causes.reduce((sum, { total }) => sum + total, 0)).toBe(1000)
  })
})
