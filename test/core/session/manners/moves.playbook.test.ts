// Playbooks for manners across a loss and a move: nothing is said twice, and nobody is hung up on by an instance that does not know why.
import { describe, expect, it } from 'vitest'
import type { SessionProfile } from '../../../../src/core/policy/profile.js'
import type { JsonObject } from '../../../../src/core/protocol/events.js'
import { packed, unpacked } from '../../../../src/core/session/move/pack.js'
import { suspended } from '../../../../src/core/session/move/suspend.js'
import type { SessionState } from '../../../../src/core/session/state.js'
import { ev, type Play, profile, updated } from '../../../support/playbook.js'
import { answered, asked, calls, mannered, pass, SILENCE } from './manners-play.js'

const LIMITS = { limits: { ...profile().limits, reconnectMs: 20_000, resumeMs: 60_000 } }

function arrived(p: Play, own: SessionProfile = p.state.profile, now = 1_000_000): SessionState | undefined {
  const text = JSON.stringify(packed(suspended(p.state, [], p.now).state))
  const caller = { subject: 'alice', issuer: undefined }
  return unpacked(JSON.parse(text) as JsonObject, { profile: own, now, shift: now - p.now, caller, expiresAt: 1e12, exp: 1e12, isLost: false })
}

describe('a move', () => {
  it('calls off a hang-up that waited, and answers its call', () => {
    const p = mannered({ hangUp: true, greeting: 'Welcome.' }, LIMITS)
    answered(p, 'resp_0')
    calls(p, 'resp_1', ev.call('call_h', 'hang_up'), true)
    const state = arrived(p)
    expect(state?.manners).toMatchObject({ greeted: true, parting: undefined, line: undefined, quiet: undefined })
    expect(state?.calls.server.get('call_h')).toMatchObject({ status: 'answered', atWork: false })
  })

  it('takes keys along, on the new clock', () => {
    const p = mannered({ keys: 'model' }, LIMITS)
    p.now = 5000
    p.input({ type: 'key', key: '7' })
    expect(arrived(p)?.manners?.keys).toMatchObject({ pressed: '7', untold: '7', lastAt: 1_000_000, tellAt: 1_002_000 })
  })

  it('to an instance whose profile says otherwise is one to its manners, without a second greeting', () => {
    const without = mannered({}, LIMITS)
    const own = { ...without.state.profile, manners: { greeting: 'Welcome.' } }
    expect(arrived({ ...without, state: { ...without.state, manners: undefined } }, own)?.manners).toMatchObject({ greeted: true })
    expect(arrived(without, { ...own, manners: undefined })?.manners).toBeUndefined()
  })
})

/** The upstream is lost, and the next one is told the conversation. */
function lost(p: Play): readonly string[] {
  p.feed({ type: 'upstream.closed', leg: 1, code: 1006 })
  p.input({ type: 'upstream.opened', leg: 2, privateWords: [] })
  p.upstream({ type: 'session.created', event_id: 'e', session: { type: 'realtime', id: 'sess_2' } })
  const lines = [...p.upstream(updated(p.state.profile))]
  for (const { type, item } of p.allTo('upstream')) if (type === 'conversation.item.create' && p.state.restore) lines.push(...p.upstream(ev.added(item as object)))
  expect(p.state.restore).toBeUndefined()
  return lines
}

describe('a lost upstream', () => {
  it('before the greeting was begun has it said by the next', () => {
    const p = mannered({ greeting: 'Welcome.' }, LIMITS)
    lost(p)
    expect(asked(p).filter((line) => line === 'Welcome.').length).toBeGreaterThanOrEqual(2)
    answered(p, 'resp_1')
    expect(p.state.manners).toMatchObject({ greeted: true, line: undefined })
  })

  it('after it has no second one, and silence is counted from the return', () => {
    const p = mannered({ greeting: 'Welcome.', silence: SILENCE }, LIMITS)
    answered(p, 'resp_1')
    pass(p, 4000)
    lost(p)
    expect(asked(p)).toEqual(['Welcome.'])
    expect(pass(p, 8900).filter((line) => line === 'upstream response.create')).toEqual([])
    expect(pass(p, 9200)).toEqual(['upstream response.create'])
    expect(asked(p)).toEqual(['Welcome.', SILENCE.question])
  })
})
