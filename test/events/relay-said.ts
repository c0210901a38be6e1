// What the relay itself says to a client: each of its own events, as playbooks bring it about, and recorded answers in either dialect.
import type { DialectName } from '../../src/core/protocol/dialect.js'
import { callPlay } from '../core/session/call/call-play.js'
import { BLOCK, guard, guardsPlay } from '../core/session/guards/guards-play.js'
import { movable } from '../core/session/move/moving-play.js'
import { playingPlay, RELAY } from '../core/session/playing/playing-play.js'
import { comesBack, lose, restorable } from '../core/session/restore/lost-upstream.js'
import { profileOf, type Recording } from '../recordings/recording.js'
import { ev, type Play, play, tool } from '../support/playbook.js'
import { openLab } from '../support/relay-lab.js'

/** Playbooks after which the relay has sent every event of its own, but the greeting of a client that comes back. */
export function ownEvents(): readonly object[] {
  const plays: readonly Play[] = [tools(), quota(), token(), recording(), interrupted(), blocked(), callPlay('shared', { relayEvents: true }), resumed(), draining()]
  return plays.flatMap((one) => one.allTo('client')).filter(({ type }) => type.startsWith('relay.') || type === 'error')
}

function tools(): Play {
  const p = play({ tools: [{ ...tool('send_mail'), approval: 'client' }, tool('get_weather')], relayEvents: true })
  p.upstream(ev.created('r1'))
  p.upstream(ev.itemDone('r1', ev.call('call_1', 'get_weather')))
  p.toolFinished('call_1')
  p.upstream(ev.itemDone('r1', ev.call('call_2', 'send_mail')))
  p.client({ type: 'relay.tool.approval', id: String(p.lastTo('client')?.id), approve: false })
  p.client({ type: 'relay.tool.approval', id: 'another', approve: true })
  return p
}

function quota(): Play {
  const rules = [
    { of: 'audioMinutes', per: 'session', max: 2 },
    { of: 'money', per: 'day', max: 1 },
  ] as const
  const p = play({ relayEvents: true, quota: { rules, failOpen: true, currency: 'USD' } })
  p.client({ type: 'relay.quota.get' })
  p.feed({ type: 'quota.left', cause: {}, usage: { session: { counters: {}, endsAt: undefined }, day: { counters: { cost_usd: 0.9 }, endsAt: 86_400_000 } } } as never)
  return p
}

function token(): Play {
  const p = play({ relayEvents: true, limits: { maxSessionMs: 1e9, idleTimeoutMs: 1e9 } as never }, 'live', 600_000)
  p.tick(540_000, true)
  p.client({ type: 'relay.token.refresh', token: 'new' })
  p.feed({ type: 'token.verified', outcome: { ok: true, caller: { subject: 'alice', issuer: undefined }, expiresAt: 1_200_000, tokenId: 'token-2' } } as never)
  return p
}

function recording(): Play {
  const p = play({ relayEvents: true, record: { keeps: 'audio', consent: 'awaited' } })
  for (const granted of [true, false]) p.client({ type: 'relay.recording.consent', granted })
  return p
}

function interrupted(): Play {
  const p = playingPlay(RELAY)
  p.now = 1000
  p.begins('r1')
  p.says('r1', 1000)
  p.now += 500
  p.speech('speech_started')
  return p
}

function blocked(): Play {
  const p = guardsPlay([guard('cut', ['output'])])
  p.begins('r1')
  p.words('r1', 'This is a sentence that is long enough to be asked about at once.')
  p.says(BLOCK)
  return p
}

function resumed(): Play {
  const p = restorable({ relayEvents: true })
  lose(p)
  p.now = 300
  comesBack(p)
  return p
}

function draining(): Play {
  const p = movable()
  p.client({ type: 'relay.ack', received: 0 })
  p.client({ type: 'response.create' })
  p.upstream(ev.created('r1'))
  p.input({ type: 'drain', untilMs: 20_000, moves: true })
  return p
}

/** What a client of `clientDialect` sees of a recorded session. Fakes the timers. */
export async function seenBy(recording: Recording, clientDialect: DialectName, upstreamDialect: DialectName): Promise<readonly string[]> {
  const lab = openLab({ profile: { ...profileOf(recording, 'client'), forwardRateLimits: true }, clientDialect, upstreamDialect })
  const seen: string[] = []
  for (const { from, event } of recording.lines) {
    if (from === 'server') lab.upstream.send(JSON.stringify(event))
    seen.push(...(await lab.client.rest()))
  }
  return seen
}
