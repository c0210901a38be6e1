// Whole turns downwards: CPU time of the target for each message, of answers, of the recorded mix, and of single kinds of events.
import { type Lab, measured, measuredSteady, type Used, untilTrue } from './lab.js'
import type { Goal, Results } from './results.js'
import { inRounds } from './rounds.js'
import type { Running, TargetName } from './targets.js'
import type { TurnPace, TurnsSent } from './turn-sender.js'
import type { TurnKind } from './turns.js'

const SESSIONS = 8
const WINDOW_BYTES = 512 * 1024
/**
 * Every event goes through far more code than audio does, which V8 compiles only after some thousands of answers: in the first ones each costs three
 * times as much. Each warm-up has sessions of its own, since V8 compiles for what it has seen, and throws that away when the next session is opened.
 */
const WARM_UPS = 12

export interface TurnCase {
  readonly label: string
  readonly kind: TurnKind
  /** Base64 characters of audio in a delta. */
  readonly audioChars: number
  /** Of each session, in a measurement as fast as it goes. */
  readonly turns: number
  readonly targets: readonly TargetName[]
  readonly goals: readonly Goal[]
}

interface Moved {
  readonly sent: TurnsSent
  readonly used: Used
  readonly problems: string[]
}

/** As fast as the target takes it. */
export async function saturatedTurns(lab: Lab, results: Results, turnCase: TurnCase, rounds: number): Promise<void> {
  const { label, targets, goals } = turnCase
  const head = { figure: `${label}, CPU`, unit: 'µs/message', goals }
  await inRounds(lab, results, { title: label, targets, rounds }, async (target, round) => {
    const problems = round === 0 ? await warmedUp(lab, target, turnCase) : []
    const { sent, used, problems: wrong } = await inOneGo(lab, target, turnCase)
    return { values: [{ head, value: used.cpuMicros / sent.messages }], problems: [...problems, ...wrong], used }
  })
}

type Fast = Pick<TurnCase, 'kind' | 'audioChars' | 'turns'>

/** Returns what went wrong. */
async function warmedUp(lab: Lab, target: Running, fast: Fast): Promise<string[]> {
  const problems: string[] = []
  for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) {
    problems.push(...(await inOneGo(lab, target, fast)).problems)
    await lab.close()
  }
  return problems
}

/** In sessions of its own, which stay open. */
async function inOneGo(lab: Lab, target: Running, { kind, audioChars, turns }: Fast): Promise<Moved> {
  await lab.open(target, { sessions: SESSIONS })
  const settings = { kind, audioChars, turns, windowBytes: WINDOW_BYTES, stopAfterMs: 20_000 }
  return moved(lab, true, () => measured(target, () => lab.mock.call('turns', settings, 30_000)))
}

export interface PacedTurns extends TurnPace {
  readonly label: string
  readonly sessions: number
}

/** At that many times the pace. */
const WARM_UP_HASTE = 4
const AUDIO_CHARS = 4096
/** At a pace of speech V8 would take an hour to compile what a running relay has compiled. */
const FAST_WARM_UP: Fast = { kind: 'mix', audioChars: AUDIO_CHARS, turns: 40 }

async function paced(lab: Lab, target: Running, { sessions, turnMs, times, durationMs }: PacedTurns, isFirst: boolean): Promise<Moved> {
  const cold = isFirst ? await warmedUp(lab, target, FAST_WARM_UP) : []
  await lab.open(target, { sessions, workers: 16 })
  const pace = (how: TurnPace, ms: number) => lab.mock.call('turns', { kind: 'mix', audioChars: AUDIO_CHARS, ...how }, ms + 60_000)
  const warmUp = await moved(lab, false, () => measured(target, () => pace({ turnMs: turnMs / WARM_UP_HASTE, times: 'even', durationMs: 1 }, turnMs)))
  // Sessions at the times of the log begin one after the other, and so end: the middle of the time is not like the rest.
  const measure = times === 'even' ? measuredSteady<TurnsSent> : measured<TurnsSent>
  const { sent, used, problems } = await moved(lab, false, () => measure(target, () => pace({ turnMs, times, durationMs }, durationMs + 2 * turnMs)))
  return { sent, used, problems: [...cold, ...warmUp.problems, ...problems] }
}

/** The recorded mix, each message at its time. */
export async function pacedMix(lab: Lab, results: Results, mix: PacedTurns, targets: readonly TargetName[], rounds: number, goals: readonly Goal[]): Promise<void> {
  const head = { figure: `${mix.label}, CPU`, unit: 'µs/message', goals }
  await inRounds(lab, results, { title: mix.label, targets, rounds }, async (target, round) => {
    const { sent, used, problems } = await paced(lab, target, mix, round === 0)
    return { values: [{ head, value: used.cpuMicros / sent.messages }], problems, used }
  })
}

/** As many messages a second from more sessions, both in each round. */
export async function mixGrowth(
  lab: Lab,
  results: Results,
  { few, many, targets, rounds, goals }: { few: PacedTurns; many: PacedTurns; targets: readonly TargetName[]; rounds: number; goals: readonly Goal[] },
): Promise<void> {
  const head = { figure: `${many.label}, CPU ÷ that of ${few.sessions} in the same round`, unit: '×', goals }
  await inRounds(lab, results, { title: many.label, targets, rounds }, async (target, round) => {
    const before = await paced(lab, target, few, round === 0)
    await lab.close()
    const after = await paced(lab, target, many, false)
    const value = after.used.cpuMicros / after.sent.messages / (before.used.cpuMicros / before.sent.messages)
    return { values: [{ head, value }], problems: [...before.problems, ...after.problems], used: after.used }
  })
}

/** Counts at the client what was sent: audio in its order, every finished answer, and every letter of the other deltas, whatever its dialect calls them. */
async function moved(lab: Lab, credits: boolean, work: () => Promise<{ result: TurnsSent; used: Used }>): Promise<Moved> {
  await lab.mock.call('reset', {})
  await lab.load.call('reset', { credits, counting: 'answers' })
  const { result: sent, used } = await work()
  await untilTrue(async () => (await lab.load.call('report', {})).answers >= sent.answers, 5000)
  const report = await lab.load.call('report', {})
  const problems = [...report.problems, ...(await lab.mock.call('report', {})).problems]
  if (report.received !== sent.audio) problems.push(`${sent.audio} audio deltas sent, ${report.received} delivered`)
  if (report.answers !== sent.answers) problems.push(`${sent.answers} answers sent, ${report.answers} delivered`)
  if (report.letters !== sent.letters) problems.push(`${sent.letters} letters sent, ${report.letters} delivered`)
  return { sent, used, problems }
}
