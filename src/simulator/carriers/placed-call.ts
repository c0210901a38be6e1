// Places one call after a plan: says what the plan says when it is its turn, breaks in if asked, presses keys, and tells what happened when, without content.
import { within } from '../../time/within.js'
import { CALLER_RATE, type CarrierCall, type RingOptions, type SimulatedCarrier } from './carrier.js'

export interface CallPlan extends RingOptions {
  /** PCM16 at 24 kHz, in order. Each is said when the line is quiet. */
  readonly says: readonly Buffer[]
  /** The last of `says` breaks in, so many milliseconds after the answer before it began: the greeting's, if it is the only one. */
  readonly interruptAtMs?: number | undefined
  /** Pressed when all is said and answered. */
  readonly keys?: string | undefined
  /** After the connection, whatever is going on. Undefined: when nothing more is heard. */
  readonly hangUpAfterMs?: number | undefined
  /** The caller waits for the relay to end the call, rather than hang up when nothing more is heard. */
  readonly untilEnded?: boolean | undefined
  /** The whole call. The caller hangs up then, and the call has not gone as asked. */
  readonly maxMs: number
}

export interface CallOutcome {
  /** Sentences. None: the call went as asked. */
  readonly problems: readonly string[]
  /** PCM16 at 24 kHz. */
  readonly heard: Buffer
  /** Of each answer to something said, from the end of what was said to the answer's first sound. */
  readonly answerMs: readonly number[]
  /** From the first sound of who broke in to the relay's `clear`. */
  readonly clearMs: number | undefined
  readonly firstWordMs: number | undefined
}

const LOOK_MS = 10
const ANSWERED_MS = 30_000
/** A caller takes the word when it was quiet for so long. */
const TURN_MS = 700
/** If nobody greets, the caller begins. */
const UNGREETED_MS = 2500
const ANSWER_MS = 20_000
const CLEAR_MS = 3000
const KEY_MS = 250
const AFTER_KEYS_MS = 6000
/** So much silence after all was said and heard ends a call. */
const NOTHING_MORE_MS = 4000
/** PCM16 below is no sound: mu-law's own noise. */
const AUDIBLE = 160

/** Never rejects. `tell` gets each line of the timeline as it happens, with the milliseconds since the ring. */
export async function placeCall(carrier: SimulatedCarrier, plan: CallPlan, tell: (atMs: number, what: string) => void): Promise<CallOutcome> {
  const startedAt = performance.now()
  const problems: string[] = []
  const say = (what: string) => tell(Math.round(performance.now() - startedAt), what)
  const nothing = { heard: Buffer.alloc(0), answerMs: [], clearMs: undefined, firstWordMs: undefined }
  let call: CarrierCall | undefined
  try {
    say('rings')
    call = await carrier.ring({ from: plan.from, to: plan.to, ...(plan.headers && { headers: plan.headers }) })
    await within(ANSWERED_MS, call.connected, () => {
      throw new Error(`no media within ${ANSWERED_MS / 1000} s`)
    })
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown'
    say(`refused: ${why}`)
    await call?.hangUp().catch(() => undefined)
    return { problems: [`The call was not answered: ${why}.`], ...nothing }
  }
  const connectedAt = performance.now()
  say(`answered after ${Math.round(connectedAt - startedAt)} ms`)
  const found = await hold(call, plan, { connectedAt, startedAt, say, problems })
  const heard = call.heard()
  const firstWordMs = firstSoundMs(heard)
  if (firstWordMs === undefined) problems.push('Nothing was heard.')
  else say(`first word ${firstWordMs} ms after the connection; ${(heard.length / 48_000).toFixed(1)} s kept`)
  return { problems, heard, firstWordMs, ...found }
}

/** PCM16 at 24 kHz. */
export function firstSoundMs(pcm: Buffer): number | undefined {
  for (let at = 0; at + 1 < pcm.length; at += 2) if (Math.abs(pcm.readInt16LE(at)) > AUDIBLE) return Math.round(at / 2 / (CALLER_RATE / 1000))
  return undefined
}

function lastSoundMs(pcm: Buffer): number {
  for (let at = pcm.length - (pcm.length % 2) - 2; at >= 0; at -= 2) if (Math.abs(pcm.readInt16LE(at)) > AUDIBLE) return at / 2 / (CALLER_RATE / 1000)
  return 0
}

interface Held {
  readonly connectedAt: number
  readonly startedAt: number
  say(what: string): void
  readonly problems: string[]
}

async function hold(call: CarrierCall, plan: CallPlan, { connectedAt, startedAt, say, problems }: Held): Promise<Pick<CallOutcome, 'answerMs' | 'clearMs'>> {
  const answerMs: number[] = []
  let clearMs: number | undefined
  let over = false
  let endedBy: 'caller' | 'relay' | undefined
  /** When something was last heard, and when the present run of sound began. */
  let soundAt: number | undefined
  let runSince: number | undefined
  const ended = call.ended.then(({ by, transferredTo }) => {
    over = true
    endedBy = by
    say(transferredTo !== undefined ? 'transferred by the relay' : `ended by the ${by}`)
  })
  const deadline = plan.hangUpAfterMs === undefined ? startedAt + plan.maxMs : Math.min(startedAt + plan.maxMs, connectedAt + plan.hangUpAfterMs)
  const outOfTime = () => performance.now() >= deadline
  const look = () => {
    const now = performance.now()
    if (call.queuedMs <= 0) return
    if (runSince === undefined || soundAt === undefined || now - soundAt > TURN_MS) runSince = now
    soundAt = now
  }
  /** False: it did not come true in time, or the call is over. */
  const until = async (ms: number, holds: () => boolean): Promise<boolean> => {
    const end = performance.now() + ms
    for (;;) {
      look()
      if (holds()) return true
      if (over || outOfTime() || performance.now() >= end) return false
      await within(LOOK_MS, ended, () => undefined)
    }
  }
  const quiet = (ms: number) => until(plan.maxMs, () => performance.now() - (soundAt ?? connectedAt - TURN_MS + UNGREETED_MS) >= ms)
  const soundSince = (time: number) => soundAt !== undefined && soundAt > time && runSince !== undefined && runSince >= time

  /** Resolves when it was sent; what is heard meanwhile counts. */
  const speak = async (audio: Buffer): Promise<void> => {
    let sent = false
    const saying = call.say(audio).finally(() => {
      sent = true
    })
    saying.catch(() => void problems.push('The caller could not speak.'))
    await until(plan.maxMs, () => sent)
  }
  const breakIn = async (audio: Buffer, atMs: number): Promise<void> => {
    say('interrupts')
    if (call.queuedMs <= 0) problems.push(`The answer was over before ${atMs} ms of it had been heard, so nothing was interrupted.`)
    const at = Date.now()
    const cleared = () => call.clearedAt.find((one) => one >= at)
    const saying = speak(audio)
    await until(CLEAR_MS, () => cleared() !== undefined)
    const clear = cleared()
    if (clear === undefined) problems.push(`The relay did not clear within ${CLEAR_MS / 1000} s of the interruption. A profile with bargeIn "protect" does not.`)
    else {
      clearMs = clear - at
      say(`cleared ${clearMs} ms after the interruption began`)
    }
    // What is heard from here on answers the interruption.
    runSince = undefined
    soundAt = undefined
    await saying
  }

  for (const [i, audio] of plan.says.entries()) {
    const number = `${i + 1} of ${plan.says.length}`
    const interruptAtMs = i === plan.says.length - 1 ? plan.interruptAtMs : undefined
    const ready = interruptAtMs === undefined ? await quiet(TURN_MS) : await until(ANSWER_MS, () => runSince !== undefined && performance.now() - runSince >= interruptAtMs)
    if (!ready) {
      if (!over && interruptAtMs !== undefined) problems.push('There was nothing to interrupt.')
      break
    }
    const sayingAt = performance.now()
    if (interruptAtMs !== undefined) await breakIn(audio, interruptAtMs)
    else {
      say(`says ${number}`)
      await speak(audio)
    }
    // A file may end with silence in which the answer begins.
    const saidAt = sayingAt + lastSoundMs(audio)
    if (await until(ANSWER_MS, () => soundSince(sayingAt))) {
      answerMs.push(Math.max(0, Math.round((runSince ?? saidAt) - saidAt)))
      say(`answer to ${number} after ${answerMs.at(-1)} ms`)
    } else if (!over && !outOfTime()) problems.push(`There was no answer to ${number} within ${ANSWER_MS / 1000} s.`)
    if (over) break
  }
  if (plan.says.length > 0 && answerMs.length < plan.says.length && problems.length === 0 && endedBy === 'relay')
    problems.push('The relay ended the call before everything was said and answered.')
  if (plan.keys && (await quiet(TURN_MS))) {
    for (const key of plan.keys) {
      call.press(key)
      await until(KEY_MS, () => false)
    }
    say(`pressed ${plan.keys.length} keys`)
    const pressedAt = performance.now()
    await until(AFTER_KEYS_MS, () => soundSince(pressedAt))
  }
  if (plan.untilEnded || plan.hangUpAfterMs !== undefined) await until(plan.maxMs, () => false)
  else await quiet(NOTHING_MORE_MS)
  if (!over) {
    if (plan.hangUpAfterMs === undefined && outOfTime()) problems.push(`The call was not over after ${plan.maxMs / 1000} s.`)
    await call.hangUp().catch(() => undefined)
    await within(5000, ended, () => void problems.push('The carrier did not end the call after the caller hung up.'))
  }
  return { answerMs, clearMs }
}
