// A lost upstream is replaced within the session: at whatever event it was killed, the client's turn is answered and nothing is lost or doubled.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HEARD, type Kill, killedTurn, placesOf, type TurnKind } from '../chaos/killed-turn.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

let running: RunningRelay
beforeAll(async () => {
  running = await runRelay({
    simulator: { heardText: HEARD, control: {} },
    env: { SESSION: JSON.stringify({ audio: { input: { transcription: { model: 'whisper-1' } } } }), MESSAGES_PER_SECOND: '10000', RESPONSES_PER_MINUTE: '10000' },
  })
})
afterAll(() => running.close())

const HOW: readonly Pick<Kill, 'how' | 'code'>[] = [{ how: 'rst' }, { how: 'fin' }, { how: 'close', code: 1001 }, { how: 'close', code: 1011 }]

describe.each<TurnKind>(['text', 'tool', 'client tool', 'spoken'])('an upstream that is killed in a %s turn', (kind) => {
  it('at any event: the turn is answered, and nothing is lost or doubled', async () => {
    const all = await placesOf(running, kind)
    const first = (type: string) => all.findIndex((place) => place.type === type)
    // Of deltas the first and one in the middle; `npm run test:chaos` takes every one.
    const places = all.filter((place, at) => !place.type.endsWith('.delta') || at === first(place.type) || place.nth === (all[first(place.type)]?.nth ?? 0) + 4)
    expect(places.length).toBeGreaterThan(8)
    const failures: string[] = []
    for (const [at, place] of places.entries()) {
      const how = HOW[at % HOW.length] as Pick<Kill, 'how' | 'code'>
      const { problems, killed } = await killedTurn(running, kind, { ...how, ...place })
      if (!killed) failures.push(`${place.type} ${place.nth}: never killed`)
      for (const problem of problems) failures.push(`${how.how} at ${place.type} ${place.nth}: ${problem}`)
    }
    expect(failures).toEqual([])
  }, 120_000)
})
