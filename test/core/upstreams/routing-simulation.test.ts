// How many sessions the chooser refuses, compared with an oracle that knows every quota and failure in advance.
import { describe, expect, it } from 'vitest'
import { type Deployment, type Scenario, simulate } from './routing-simulation.js'

const MINUTE = 60_000
const REGIONS = [
  { region: 'near', priority: 0, latencyMs: 40 },
  { region: 'middle', priority: 0, latencyMs: 90 },
  { region: 'far', priority: 1, latencyMs: 180 },
]

/** Ten deployments in three regions; `failing` is down from the third to the sixth minute. */
function deployments(failing: string | undefined, hangMs: number): Deployment[] {
  return Array.from({ length: 10 }, (_, i) => {
    const { region, priority, latencyMs } = REGIONS[i % 3] as (typeof REGIONS)[number]
    const down = region === failing ? { down: { from: 3 * MINUTE, to: 6 * MINUTE, hangMs } } : {}
    return { name: `${region}-${i}`, priority, weight: 1 + (i % 2), perMinute: 60 + 30 * (i % 3), latencyMs: latencyMs + 3 * i, ...down }
  })
}

/** Eight clients a second, thirty in bursts of ten seconds every two minutes. */
const bursts = (at: number) => (at % (2 * MINUTE) < 10_000 ? 30 : 8)

const SCENARIOS: { id: string; scenario: Omit<Scenario, 'seed'>; mostRatio: number; slowestMs: number }[] = [
  { id: 'quiet', scenario: { minutes: 8, deployments: deployments(undefined, 0), rate: () => 5, reportMs: 1_000 }, mostRatio: 1, slowestMs: 1_000 },
  { id: 'bursts', scenario: { minutes: 8, deployments: deployments(undefined, 0), rate: bursts, reportMs: 1_000 }, mostRatio: 1.01, slowestMs: 2_000 },
  { id: 'near region refuses', scenario: { minutes: 8, deployments: deployments('near', 20), rate: bursts, reportMs: 1_000 }, mostRatio: 1.01, slowestMs: 2_000 },
  { id: 'middle region hangs', scenario: { minutes: 8, deployments: deployments('middle', 5_000), rate: bursts, reportMs: 1_000 }, mostRatio: 1.01, slowestMs: 15_000 },
  { id: 'overload', scenario: { minutes: 8, deployments: deployments('far', 20), rate: () => 25, reportMs: 1_000 }, mostRatio: 1.05, slowestMs: 2_000 },
]

describe('routing simulation: ten deployments, three regions', () => {
  it.each(SCENARIOS)('$id', ({ id, scenario, mostRatio, slowestMs }) => {
    const runs = [1, 2].map((seed) => simulate({ ...scenario, seed }))
    const sum = (key: 'clients' | 'refused' | 'refusedByOracle' | 'extraDials') => runs.reduce((total, run) => total + run[key], 0)
    const [clients, refused, oracle, extra] = [sum('clients'), sum('refused'), sum('refusedByOracle'), sum('extraDials')]
    // If the oracle refuses no client, the served clients are compared, since a ratio to zero says nothing.
    const ratio = oracle > 0 ? refused / oracle : clients / (clients - refused)
    console.log(
      `routing, ${id}: refused ${refused} of ${clients} sessions, the oracle ${oracle}: ratio ${ratio.toFixed(3)}; extra dials ${((100 * extra) / clients).toFixed(1)} %; slowest ${Math.round(Math.max(...runs.map((run) => run.slowestMs)))} ms`,
    )
    expect(clients).toBeGreaterThan(4_000)
    expect(ratio).toBeLessThanOrEqual(mostRatio)
    expect(extra).toBeLessThanOrEqual(0.1 * clients + 500)
    expect(Math.max(...runs.map((run) => run.slowestMs))).toBeLessThanOrEqual(slowestMs)
  })

  it('gives the same result for the same seed', () => {
    const scenario: Scenario = { seed: 7, minutes: 4, deployments: deployments('near', 20), rate: bursts, reportMs: 1_000 }
    expect(simulate(scenario)).toEqual(simulate(scenario))
    expect(simulate({ ...scenario, seed: 8 })).not.toEqual(simulate(scenario))
  })
})
