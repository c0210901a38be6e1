// A lane of the upstream's frames between two legs, without a session around it.
import type { DialectName } from '../../src/core/protocol/dialect.js'
import type { Recorder } from '../../src/ports/notes.js'
import type { GuardGate } from '../../src/relay/guard-gate.js'
import { Leg } from '../../src/relay/leg.js'
import { createMeters, type Meters } from '../../src/relay/meters.js'
import type { PlaybackLedger } from '../../src/relay/playback-ledger.js'
import type { TurnClock } from '../../src/relay/turn-clock.js'
import { UpstreamLane } from '../../src/relay/upstream-lane.js'
import { memoryPair } from './memory-link.js'

export interface LaneOptions {
  readonly recorder?: Recorder
  readonly meters?: Meters
  /** What the lane asks of the clock, which is not all that it has. */
  readonly turns?: Partial<TurnClock>
  readonly gate?: Partial<GuardGate>
  readonly playback?: Partial<PlaybackLedger>
  readonly clientDialect?: DialectName
}

export function bareLane({ recorder = { note() {} }, meters = createMeters(), turns = { audio() {} }, gate, playback, clientDialect = 'ga' }: LaneOptions = {}) {
  const { link, peer } = memoryPair()
  const leg = (side: 'client' | 'upstream', dialect: DialectName) =>
    new Leg({
      side,
      link,
      dialect,
      number: 1,
      deployment: 'd',
      alarm: { followTicks() {} },
      settings: { bufferBytes: 1000, heldFrames: 3 },
      sides: { opposite: () => undefined },
      recorder: { note() {} },
    })
  const client = leg('client', clientDialect)
  return {
    lane: new UpstreamLane(client, meters, recorder, turns as TurnClock, playback as PlaybackLedger | undefined, gate as GuardGate | undefined),
    upstream: leg('upstream', 'ga'),
    client,
    peer,
  }
}
