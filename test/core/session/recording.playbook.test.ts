// Playbooks for consent to being recorded: who may give it, what is told, and that it can always be withdrawn.
import { describe, expect, it } from 'vitest'
import type { Action } from '../../../src/core/session/actions.js'
import { tellRecording } from '../../../src/core/session/recording/consent.js'
import type { Step } from '../../../src/core/session/state.js'
import { type Play, play } from '../../support/playbook.js'

const record = (consent: 'awaited' | 'given') => ({ keeps: 'transcript' as const, consent })
const say = (p: Play, granted: unknown) => p.feed({ type: 'client.event', event: { type: 'relay.recording.consent', event_id: 'c1', granted } as never })
const states = (p: Play) => p.state.recording

describe('consent', () => {
  it('begins, ends and begins again what is kept, and is told each time', () => {
    const p = play({ relayEvents: true, record: record('awaited') })
    expect(states(p)).toBe('waiting')
    expect(say(p, false)).toEqual(['client relay.recording'])
    expect(states(p)).toBe('waiting')
    say(p, true)
    expect(p.lastTo('client')).toMatchObject({ type: 'relay.recording', state: 'on', keeps: 'transcript', remains: false })
    say(p, false)
    expect(p.lastTo('client')).toMatchObject({ state: 'stopped', remains: true })
    expect(states(p)).toBe('stopped')
  })

  it('that was had elsewhere can be withdrawn as well', () => {
    const p = play({ relayEvents: true, record: record('given') })
    expect(states(p)).toBe('on')
    say(p, false)
    expect(states(p)).toBe('stopped')
  })

  it.each([
    [undefined, 'audio'],
    [{ mode: 'shared' }, 'transcript'],
  ] as const)('is to what is kept in fact: of call %j %s', (call, keeps) => {
    const p = play({ relayEvents: true, record: { keeps: 'audio', consent: 'awaited' } })
    const actions: Action[] = []
    tellRecording({ state: { ...p.state, recording: 'on', call }, set: () => undefined, actions } as unknown as Step)
    expect(actions).toMatchObject([{ event: { type: 'relay.recording', state: 'on', keeps } }])
  })

  it('cannot be changed without end, but withdrawn at any time', () => {
    const p = play({ relayEvents: true, record: record('awaited') })
    for (let n = 0; n < 10; n++) say(p, true)
    expect(p.lastTo('client')).toMatchObject({ type: 'error', error: { code: 'rate_limited' } })
    say(p, false)
    expect(states(p)).toBe('stopped')
  })

  it('is no event of a client without relay events, whose session waits for good', () => {
    const p = play({ record: record('awaited') })
    say(p, true)
    expect(p.lastTo('client')).toMatchObject({ type: 'error', error: { code: 'event_not_allowed' } })
    expect(states(p)).toBe('waiting')
  })
})
