// A thousand kills, drawn from a seed: any event of any kind of turn, by reset, end, close code or silence. At least 99 of 100 turns are kept.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createChance } from '../../src/simulator/ids.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'
import { HEARD, type Kill, killedTurn, placesOf, type TurnKind } from './killed-turn.js'

const KILLS = Number(process.env.CHAOS_KILLS ?? 1000)
const SEED = Number(process.env.CHAOS_SEED ?? 1)
const KINDS: readonly TurnKind[] = ['text', 'tool', 'client tool', 'spoken', 'by hand']
const HOW: readonly Pick<Kill, 'how' | 'code'>[] = [{ how: 'rst' }, { how: 'fin' }, { how: 'close', code: 1001 }, { how: 'close', code: 1011 }]
/** Each takes the five seconds and more after which a silent upstream is given up. */
const SILENT = 0.02

let running: RunningRelay
beforeAll(async () => {
  running = await runRelay({
    simulator: { heardText: HEARD, control: {} },
    env: { SESSION: JSON.stringify({ audio: { input: { transcription: { model: 'whisper-1' } } } }), MESSAGES_PER_SECOND: '10000', RESPONSES_PER_MINUTE: '10000' },
  })
})
afterAll(() => running.close())

it(`${KILLS} kills from seed ${SEED}`, async () => {
  const { fraction } = createChance(SEED)
  const pick = <T>(all: readonly T[]) => all[Math.floor(fraction() * all.length)] as T
  const places = new Map<TurnKind, readonly Pick<Kill, 'type' | 'nth'>[]>()
  for (const kind of KINDS) places.set(kind, await placesOf(running, kind))
  const failures: string[] = []
  const gaps: number[] = []
  let kept = 0
  let killed = 0
  let unheard = 0
  for (let count = 0; count < KILLS; count++) {
    const kind = pick(KINDS)
    const place = pick(places.get(kind) ?? [])
    // Only while an answer is awaited is silence noticed within seconds.
    const silent = fraction() < SILENT && /^response\.(?!done)/.test(place.type)
    const how: Pick<Kill, 'how' | 'code'> = silent ? { how: 'silence' } : pick(HOW)
    const outcome = await killedTurn(running, kind, { ...how, ...place })
    if (outcome.killed) killed++
    if (outcome.unheard) unheard++
    if (outcome.problems.length === 0) kept++
    else failures.push(`${kind}, ${how.how} at ${place.type} ${place.nth}: ${outcome.problems.join('; ')}`)
    if (!silent) gaps.push(outcome.gapMs)
  }
  gaps.sort((a, b) => a - b)
  const at = (share: number) => Math.round(gaps[Math.floor(gaps.length * share)] ?? 0)
  const metrics = await (await fetch(`${running.relay.adminUrl}/metrics`)).text()
  const figure = (name: string) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(metrics)?.[1])
  const pause = Math.round((figure('relay_restore_seconds_sum') / figure('relay_restore_seconds_count')) * 1000)
  console.log(`${kept} of ${KILLS} turns kept, of which ${unheard} had to be said again; ${killed} upstreams lost, replaced in ${pause} ms on average`)
  console.log(`a killed turn and the next took ${at(0.5)} ms (p50), ${at(0.95)} ms (p95)`)
  for (const failure of failures) console.log(failure)
  expect(killed).toBeGreaterThan(KILLS * 0.95)
  // A turn that has to be said again is none that was kept.
  expect((kept - unheard) / KILLS).toBeGreaterThanOrEqual(0.99)
})
