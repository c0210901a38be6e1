// Playbooks of guards on tools: what goes into one and what comes out of it waits for the verdict.
import { describe, expect, it } from 'vitest'
import { ev } from '../../../support/playbook.js'
import { BLOCK, guard, guardsPlay, PASS } from './guards-play.js'

function called(on: 'tool_arguments' | 'tool_output') {
  const p = guardsPlay([guard('hold', [on])])
  p.begins('r1')
  const lines = p.upstream(ev.itemDone('r1', ev.call('k1', 'get_weather', '{"city":"Oslo"}')))
  p.ends('r1')
  return { p, lines }
}

describe('arguments of a tool', () => {
  it('are asked about before it starts', () => {
    const { p, lines } = called('tool_arguments')
    expect(lines).toEqual(['client relay.tool.started', 'ask hold tool_arguments'])
    expect(p.open[0]?.text).toBe('{"city":"Oslo"}')
    expect(p.says(PASS)).toEqual(['start k1'])
  })

  it('that are blocked are answered without it', () => {
    const { p } = called('tool_arguments')
    expect(p.says(BLOCK)).toEqual(['client relay.blocked', 'client relay.tool.finished', 'upstream conversation.item.create', 'upstream response.create'])
    expect(p.state.calls.server.get('k1')).toMatchObject({ status: 'answered', atWork: false })
  })

  it('of a call that is cancelled meanwhile start nothing', () => {
    const { p } = called('tool_arguments')
    expect(p.client({ type: 'response.cancel', event_id: 'c9' })).toContain('upstream conversation.item.create')
    expect(p.says(PASS)).toEqual([])
  })
})

describe('the output of a tool', () => {
  it('is asked about before the model gets it, and given as redacted', () => {
    const { p } = called('tool_output')
    expect(p.toolFinished('k1', 'phone 555')).toEqual(['ask hold tool_output'])
    expect(p.says({ type: 'redact', category: 'phone', text: 'phone ***' })).toEqual([
      'client relay.tool.finished',
      'upstream conversation.item.create',
      'upstream response.create',
    ])
    expect(p.allTo('upstream').at(-2)).toMatchObject({ item: { type: 'function_call_output', output: 'phone ***' } })
  })

  it('is kept whole if it is long, and withheld if it is blocked', () => {
    for (const verdict of [PASS, BLOCK]) {
      const { p } = called('tool_output')
      const long = Array.from({ length: 3000 }, (_, at) => `line ${at}\n`).join('')
      p.toolFinished('k1', long)
      while (p.open.length > 0) p.says(verdict)
      const told = p.allTo('upstream').find(({ item }) => (item as { type?: string } | undefined)?.type === 'function_call_output')
      if (verdict === PASS) expect(told).toMatchObject({ item: { output: long } })
      else expect(JSON.stringify(told)).not.toContain('line 1')
    }
  })
})
