// What core hears of the upstream, with what only the relay knows, since it alone sees every frame: what was said, and whether anything was.

import { type Frame, objectAt, stringAt } from '../core/protocol/events.js'
import { isOfPart } from '../core/protocol/repeated-frame.js'
import type { Reading } from '../core/protocol/wire.js'
import type { Input } from '../core/session/inputs.js'
import type { SessionState } from '../core/session/state.js'
import type { SessionLedger } from './ledger.js'
import type { Leg } from './leg.js'
import type { Meters } from './meters.js'
import type { PartLane } from './part-lane.js'
import type { PlaybackLedger } from './playback-ledger.js'
import { isWords, type SaidSoFar } from './said.js'
import type { TurnClock } from './turn-clock.js'

export interface Saying {
  /** Core hears of what has gone on unread. */
  hearLate(): void
  readonly lane: { readonly said: SaidSoFar; readonly parts: PartLane; readonly turns: TurnClock; readonly playback: PlaybackLedger | undefined }
  readonly meters: Meters
  readonly ledger: SessionLedger
  clock(): number
}

/** `sameWire`: the frame, if the client reads the upstream's own bytes. The event that stands for the whole frame carries them. */
export function eventInputs({ events, whole, audioBytes }: Reading, { number: leg }: Leg, sameWire: Frame | undefined, saying: Saying): readonly Input[] {
  const { turns } = saying.lane
  const inputs = events.map((event): Input => {
    if (isOfPart(event.type)) saying.hearLate()
    saying.lane.said.heard(event, saying.meters.serverAudioBytes)
    if (turns.awaitsText && isWords(event.type)) turns.text()
    if (event.type === 'response.output_item.done') saying.lane.parts.itemDone(stringAt(objectAt(event, 'item'), 'id'))
    const frame = event === whole ? sameWire : undefined
    // An error may be the upstream's last word.
    return event.type === 'error' ? { type: 'upstream.event', leg, event, frame, said: saidSoFar(saying) } : { type: 'upstream.event', leg, event, frame }
  })
  saying.meters.serverAudioBytes += audioBytes
  if (audioBytes > 0) turns.audio(audioBytes)
  return inputs
}

export function closedInput(leg: number, code: number, saying: Saying): Input {
  return { type: 'upstream.closed', leg, code, said: saidSoFar(saying) }
}

/** `activeAt`: when the client last sent anything. */
export function tickInput(activeAt: number, { watch }: SessionState, upstream: Leg | undefined, saying: Saying): Input {
  const { playback } = saying.lane
  const input = { type: 'tick', clientActiveAt: activeAt, ...(playback && { unheardMs: playback.unheardMs(saying.clock()) }) } as const
  // Silence matters while an answer is awaited. What is not read, since the client reads too slowly, is no silence.
  return watch ? { ...input, upstreamHeard: upstream && !upstream.reader.paused ? upstream.heard : undefined, said: saidSoFar(saying) } : input
}

/** The side whose backlog makes no progress, if any. */
export function stalledInput(now: number, mostMs: number, client: Leg, upstream: Leg | undefined, saying: Saying): Input | undefined {
  if (client.stalledMs(now) >= mostMs) return { type: 'stalled', side: 'client' }
  return (upstream?.stalledMs(now) ?? 0) >= mostMs ? { type: 'stalled', side: 'upstream', said: saidSoFar(saying) } : undefined
}

/** What had been delivered of the items that are not done. Core has heard of all of it then. */
export function saidSoFar(saying: Saying) {
  const { lane, meters, ledger } = saying
  saying.hearLate()
  return lane.said.soFar(meters.serverAudioBytes, ledger.media.outputBytesPerSecond)
}
