// Two hundred upstreams lost in one moment: dialled no faster than the limit, and a new caller waits for none of them.
import { expect, it } from 'vitest'
import { storm } from '../chaos/storm.js'
import { runRelay } from '../support/running-relay.js'

const PER_SECOND = 50

it('a storm of restores keeps its limit, and comes to an end', async () => {
  const running = await runRelay({ env: { RECONNECTS_PER_SECOND: `${PER_SECOND}`, CONNECTS_PER_SECOND: '10000', LOG_LEVEL: 'silent' } })
  const { worstSecond, back95Ms, newCallerMs, problems } = await storm(running, 200)
  const text = await (await fetch(`${running.relay.adminUrl}/metrics`)).text()
  await running.close()
  expect(problems).toEqual([])
  // The new caller's dial is none of theirs, and what is seen is late by up to a look.
  expect(worstSecond).toBeLessThanOrEqual(PER_SECOND * 1.1 + 1)
  expect(back95Ms).toBeGreaterThan(((200 / PER_SECOND) * 1000) / 2)
  expect(back95Ms).toBeLessThan(20_000)
  expect(newCallerMs).toBeLessThan(2000)
  expect(text).toContain('relay_restores_total{result="restored"} 200')
  expect(text).toContain('relay_restores_waiting 0')
}, 60_000)
