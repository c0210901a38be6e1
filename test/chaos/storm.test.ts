// Five hundred upstreams lost in one moment, by the limit that the relay has by default.
import { expect, it } from 'vitest'
import { runRelay } from '../support/running-relay.js'
import { storm } from './storm.js'

const LINKS = Number(process.env.CHAOS_LINKS ?? 500)

it(`${LINKS} links lost at once`, async () => {
  const running = await runRelay({ env: { CONNECTS_PER_SECOND: '10000' } })
  const { worstSecond, back95Ms, newCallerMs, problems } = await storm(running, LINKS)
  await running.close()
  console.log(`at most ${worstSecond} dials in a second; 95 % back after ${back95Ms} ms; a new caller was let in after ${newCallerMs} ms`)
  expect(problems).toEqual([])
  // The new caller's dial is one more, and what is seen is late by up to a look.
  expect(worstSecond).toBeLessThanOrEqual(23)
  expect(back95Ms).toBeLessThan(60_000)
  expect(newCallerMs).toBeLessThan(2000)
})
