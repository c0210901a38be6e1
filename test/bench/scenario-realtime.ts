// Paced speech both ways: CPU time per message, the latency that the target adds, and the effect of many or greedy sessions.
import { type Lab, measured, measuredSteady, problemsOf, type Used, untilTrue } from './lab.js'
import type { Goal, Results } from './results.js'
import { inRounds } from './rounds.js'
import type { Running, TargetName } from './targets.js'

const UP_CHARS = 1280
const DOWN_CHARS = 6400
/** A process that has just started is measured while it still compiles: its figures fall for the first twenty thousand messages. */
const FIRST_WARM_UP_MS = 6000
/** Garbage of opening the sessions must not count as a cost of messages. */
const WARM_UP_MS = 2000

export interface Speech {
  readonly label: string
  readonly sessions: number
  readonly upMs: number
  readonly downMs: number
  readonly durationMs: number
  /** How long to wait at the end for messages still under way. Default: 5 s. */
  readonly settleMs?: number
}

interface Spoken {
  readonly up: number
  readonly down: number
  readonly upP50: number
  readonly downP50: number
  readonly upP99: number
  readonly downP99: number
  readonly problems: string[]
}

/** Sessions from `from` on speak and listen at their pace. */
async function speak(lab: Lab, speech: Speech, from: number, extra: () => Promise<number> = async () => 0): Promise<Spoken> {
  const [up, down, more] = await Promise.all([
    lab.load.call('pace', { intervalMs: speech.upMs, durationMs: speech.durationMs }, speech.durationMs + 20_000),
    lab.mock.call('pace', { intervalMs: speech.downMs, durationMs: speech.durationMs }, speech.durationMs + 20_000),
    extra(),
  ])
  await untilTrue(async () => (await lab.mock.call('report', {})).received >= up.sent + more && (await lab.load.call('report', {})).received >= down.sent, speech.settleMs ?? 5000)
  const [upReport, downReport] = [await lab.mock.call('report', {}), await lab.load.call('report', {})]
  const problems = [...problemsOf('up', up.sent + more, upReport), ...problemsOf('down', down.sent, downReport)]
  if (from === 0 && upReport.latency.samples !== up.sent) problems.push('up: a message without its time')
  return {
    up: up.sent + more,
    down: down.sent,
    upP50: upReport.latency.p50,
    downP50: downReport.latency.p50,
    upP99: upReport.latency.p99,
    downP99: downReport.latency.p99,
    problems,
  }
}

async function begin(lab: Lab, target: Running, sessions: number, quietFrom: number): Promise<void> {
  await lab.open(target, { sessions, workers: 16 })
  await lab.mock.call('reset', { credits: quietFrom > 0, ringOfChars: DOWN_CHARS })
  await lab.load.call('reset', {})
  await lab.load.call('prepare', { kind: 'paced', audioChars: UP_CHARS, from: quietFrom })
  await lab.mock.call('prepare', { kind: 'paced', audioChars: DOWN_CHARS, from: quietFrom })
  await lab.mock.call('response', { phase: 'open' })
}

export interface SpeechSeries {
  readonly speech: Speech
  readonly targets: readonly TargetName[]
  readonly rounds: number
  readonly cpuGoals?: readonly Goal[]
  readonly latencyGoals?: readonly Goal[]
}

export async function voice(lab: Lab, results: Results, { speech, targets, rounds, cpuGoals = [], latencyGoals = [] }: SpeechSeries): Promise<void> {
  await inRounds(lab, results, { title: speech.label, targets, rounds }, async (target, round) => {
    const { spoken, used } = await converse(lab, target, speech, round === 0)
    const latency = (figure: string, value: number, goals: readonly Goal[] = []) => ({ head: { figure: `${speech.label}, ${figure}`, unit: 'ms', goals }, value })
    return {
      values: [
        ...cpuValue(speech, target, used, spoken, cpuGoals),
        latency('up p50', spoken.upP50, latencyGoals),
        latency('down p50', spoken.downP50, latencyGoals),
        latency('up p99', spoken.upP99),
        latency('down p99', spoken.downP99),
      ],
      problems: spoken.problems,
      used,
    }
  })
}

async function converse(lab: Lab, target: Running, speech: Speech, isFirst: boolean): Promise<{ spoken: Spoken; used: Used }> {
  await begin(lab, target, speech.sessions, 0)
  await warmUp(lab, speech, isFirst ? FIRST_WARM_UP_MS : WARM_UP_MS, 0)
  const { result, used } = await measuredSteady(target, () => speak(lab, speech, 0))
  return { spoken: result, used }
}

function cpuPerMessage(used: Used, spoken: Spoken): number {
  return used.cpuMicros / (spoken.up + spoken.down)
}

function cpuValue(speech: Speech, target: Running, used: Used, spoken: Spoken, goals: readonly Goal[]) {
  return target.name === 'direct' ? [] : [{ head: { figure: `${speech.label}, CPU`, unit: 'µs/message', goals }, value: cpuPerMessage(used, spoken) }]
}

export interface GrowthSeries {
  readonly few: Speech
  readonly many: Speech
  readonly targets: readonly TargetName[]
  readonly rounds: number
  readonly goals: readonly Goal[]
}

/** As many messages a second from more sessions. Both in each round: a machine shared with others is not as fast a minute later. */
export async function growth(lab: Lab, results: Results, { few, many, targets, rounds, goals }: GrowthSeries): Promise<void> {
  await inRounds(lab, results, { title: many.label, targets, rounds }, async (target, round) => {
    const before = await converse(lab, target, few, round === 0)
    await lab.close()
    const after = await converse(lab, target, many, false)
    const grown = cpuPerMessage(after.used, after.spoken) / cpuPerMessage(before.used, before.spoken)
    return {
      values: [
        ...cpuValue(many, target, after.used, after.spoken, []),
        { head: { figure: `${many.label}, CPU ÷ that of ${few.sessions} in the same round`, unit: '×', goals }, value: grown },
      ],
      problems: [...before.spoken.problems, ...after.spoken.problems],
      used: after.used,
    }
  })
}

async function warmUp(lab: Lab, speech: Speech, durationMs: number, from: number): Promise<void> {
  await speak(lab, { ...speech, durationMs: Math.max(durationMs, speech.downMs) }, from)
  await lab.mock.call('reset', {})
  await lab.load.call('reset', {})
}

export interface FloodSeries {
  readonly targets: readonly TargetName[]
  readonly rounds: number
  readonly goals: readonly Goal[]
}

/** One session sends as fast as it can; what do the others notice? Long enough for a burst that the limits allow not to be among the slowest hundredth. */
export async function flood(lab: Lab, results: Results, { targets, rounds, goals }: FloodSeries): Promise<void> {
  const quiet: Speech = { label: 'quiet sessions', sessions: 20, upMs: 20, downMs: 100, durationMs: 6000 }
  const listen = async (target: Running, isFirst: boolean, flooding: boolean): Promise<{ spoken: Spoken; used: Used }> => {
    await begin(lab, target, quiet.sessions + 1, 1)
    if (isFirst) await warmUp(lab, quiet, FIRST_WARM_UP_MS, 1)
    await lab.load.call('prepare', { kind: 'ring', audioChars: DOWN_CHARS, from: 0, to: 1 })
    const settings = { frames: 1e9, windowBytes: 4 * 1024 * 1024, stopAfterMs: quiet.durationMs }
    const { result, used } = await measured(target, () => speak(lab, quiet, 1, flooding ? () => lab.load.call('saturate', settings) : undefined))
    return { spoken: result, used }
  }
  await inRounds(lab, results, { title: quiet.label, targets, rounds }, async (target, round) => {
    const alone = await listen(target, round === 0, false)
    await lab.close()
    const beside = await listen(target, false, true)
    const values = (['upP50', 'downP50', 'upP99', 'downP99'] as const).flatMap((key) => {
      const what = `${key.slice(0, -3)} p${key.slice(-2)}`
      const row = (figure: string, value: number, unit = 'ms', goals: readonly Goal[] = []) => ({ head: { figure: `${quiet.label}, ${what}, ${figure}`, unit, goals }, value })
      const both = [row('alone', alone.spoken[key]), row('beside a flood', beside.spoken[key])]
      return key.endsWith('P99') ? [...both, row('beside a flood ÷ alone', beside.spoken[key] / alone.spoken[key], '×', goals)] : both
    })
    return { values, problems: [...alone.spoken.problems, ...beside.spoken.problems], used: beside.used }
  })
}
