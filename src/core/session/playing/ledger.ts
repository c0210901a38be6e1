// Which part of which item was sent up to which byte of the session's answer audio, so that what was played says how much of each item was heard.

/** One content part of one item. */
export interface Place {
  readonly responseId: string
  readonly itemId: string
  readonly contentIndex: number
}

/** Audio of one part without a gap. A part has several if another response spoke in between. */
interface Stretch extends Place {
  readonly fromByte: number
  readonly bytes: number
  readonly bytesPerSecond: number
  /** Audio of this part was thrown away instead of being sent. */
  readonly dropped: boolean
  /** It was stopped, and what was heard of it is decided. */
  readonly settled: boolean
}

export interface Ledger {
  /** In the order of playing. */
  readonly stretches: readonly Stretch[]
  /** Of all answers. */
  readonly sentBytes: number
}

/** How much of a part was heard. Whole milliseconds, never more than was sent. */
export interface Part extends Place {
  readonly heardMs: number
  readonly sentMs: number
}

export const nothingSent: Ledger = { stretches: [], sentBytes: 0 }

/** Of answers that are not played to their end: beyond that the oldest count as heard. */
const MOST_STRETCHES = 64
/** Those that were heard, so that late audio of them finds them. */
const MOST_HEARD = 16

/** This much audio of a part goes to the client, behind everything before it. */
export function sent(ledger: Ledger, place: Place, bytes: number, bytesPerSecond: number, doneBytes: number): Ledger {
  if (bytes <= 0) return ledger
  const { stretches, sentBytes } = ledger
  const last = stretches.at(-1)
  const isMore = last !== undefined && isAt(last, place) && !last.settled && last.bytesPerSecond === bytesPerSecond && last.fromByte + last.bytes === sentBytes
  const next = stretch(place, isMore ? last.fromByte : sentBytes, isMore ? last.bytes + bytes : bytes, bytesPerSecond, isMore && last.dropped, false)
  const kept = isMore ? stretches.slice(0, -1) : within(stretches, doneBytes)
  return { stretches: [...kept, next], sentBytes: sentBytes + bytes }
}

/** Audio of this part was thrown away before it went to the client: what is known of it is cut where its sent audio ends. */
export function dropped(ledger: Ledger, place: Place): Ledger {
  const { stretches, sentBytes } = ledger
  const at = stretches.findLastIndex((one) => isAt(one, place))
  const known = stretches[at]
  if (known?.settled || known?.dropped) return ledger
  if (!known) return { stretches: [...within(stretches, sentBytes), stretch(place, sentBytes, 0, 1, true, false)], sentBytes }
  return { stretches: stretches.with(at, stretch(known, known.fromByte, known.bytes, known.bytesPerSecond, true, false)), sentBytes }
}

/** Nothing more of what was sent is played. What was not heard is decided. */
export function stopped(ledger: Ledger, doneBytes: number): Ledger {
  const { stretches, sentBytes } = ledger
  const isOver = (one: Stretch) => one.settled || (isHeard(one, doneBytes) && !one.dropped)
  if (stretches.every(isOver)) return ledger
  return {
    stretches: stretches.map((one) => (isOver(one) ? one : stretch(one, one.fromByte, one.bytes, one.bytesPerSecond, one.dropped, true))),
    sentBytes,
  }
}

/** What the first `doneBytes` of the session's answer audio mean for each part that was not stopped. */
export function heard(ledger: Ledger, doneBytes: number): readonly Part[] {
  return parts(ledger.stretches, doneBytes).map(({ place, heardMs, sentMs }) => part(place, heardMs, sentMs))
}

/** Those of them that are not heard to their end, or whose rest was thrown away. On an interruption each is truncated at `heardMs`. */
export function unheard(ledger: Ledger, doneBytes: number): readonly Part[] {
  return parts(ledger.stretches, doneBytes)
    .filter((one) => one.isOpen)
    .map(({ place, heardMs, sentMs }) => part(place, heardMs, sentMs))
}

/** Milliseconds of a part that were sent, stopped or not. Undefined: it is not known any more. */
export function sentMs({ stretches }: Ledger, itemId: string, contentIndex: number): number | undefined {
  const its = stretches.filter((one) => one.itemId === itemId && one.contentIndex === contentIndex)
  return its.length === 0 ? undefined : Math.floor(its.reduce((sum, one) => sum + msOf(one.bytes, one), 0) + ROUNDING)
}

/** Milliseconds that were heard of the response that is at play. 0: nothing is played. */
export function playedMs(ledger: Ledger, doneBytes: number): number {
  const { stretches } = ledger
  const playing = stretches.find((one) => !one.settled && one.bytes > 0 && !isHeard(one, doneBytes))
  if (!playing) return 0
  return stretches.reduce((sum, one) => (one.responseId === playing.responseId && !one.settled ? sum + msOf(heardBytes(one, doneBytes), one) : sum), 0)
}

/** Milliseconds of audio that were sent and are not played. */
export function unheardMs(ledger: Ledger, doneBytes: number): number {
  return ledger.stretches.reduce((sum, one) => (one.settled ? sum : sum + msOf(one.bytes - heardBytes(one, doneBytes), one)), 0)
}

interface Summed {
  readonly place: Place
  heardMs: number
  sentMs: number
  isOpen: boolean
}

function parts(stretches: readonly Stretch[], doneBytes: number): readonly Summed[] {
  const summed: Summed[] = []
  for (const one of stretches) {
    if (one.settled) continue
    const known = summed.find(({ place }) => isAt(one, place))
    const sum = known ?? { place: one, heardMs: 0, sentMs: 0, isOpen: false }
    if (!known) summed.push(sum)
    sum.heardMs += msOf(heardBytes(one, doneBytes), one)
    sum.sentMs += msOf(one.bytes, one)
    sum.isOpen ||= one.dropped || !isHeard(one, doneBytes)
  }
  return summed
}

function part({ responseId, itemId, contentIndex }: Place, heardMs: number, sentMs: number): Part {
  const whole = Math.floor(sentMs + ROUNDING)
  return { responseId, itemId, contentIndex, heardMs: Math.min(whole, Math.floor(heardMs + ROUNDING)), sentMs: whole }
}

/** Sums of quotients come out a little below a whole number. */
const ROUNDING = 1e-6

function heardBytes({ fromByte, bytes }: Stretch, doneBytes: number): number {
  return Math.min(bytes, Math.max(0, doneBytes - fromByte))
}

function isHeard(one: Stretch, doneBytes: number): boolean {
  return heardBytes(one, doneBytes) === one.bytes
}

function msOf(bytes: number, { bytesPerSecond }: Stretch): number {
  return (bytes * 1000) / bytesPerSecond
}

function isAt(one: Place, { responseId, itemId, contentIndex }: Place): boolean {
  return one.itemId === itemId && one.contentIndex === contentIndex && one.responseId === responseId
}

/** Of those that matter no more only the last ones are kept. */
function within(stretches: readonly Stretch[], doneBytes: number): readonly Stretch[] {
  if (stretches.length < MOST_HEARD) return stretches
  let spare = stretches.length - MOST_HEARD + 1
  const kept = stretches.filter((one) => !(one.settled || (isHeard(one, doneBytes) && !one.dropped)) || spare-- <= 0)
  return kept.slice(-MOST_STRETCHES + 1)
}

function stretch({ responseId, itemId, contentIndex }: Place, fromByte: number, bytes: number, bytesPerSecond: number, dropped: boolean, settled: boolean): Stretch {
  return { responseId, itemId, contentIndex, fromByte, bytes, bytesPerSecond, dropped, settled }
}
