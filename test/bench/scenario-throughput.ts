// Saturated traffic one way: CPU time of the target for each relayed message.
import type { Direction } from './audio-frames.js'
import { type Lab, measured, type Opening, problemsOf, type Used } from './lab.js'
import type { Goal, Results } from './results.js'
import { inRounds } from './rounds.js'
import type { Remote } from './rpc.js'
import type { Running, TargetName } from './targets.js'
import type { TrafficCommands } from './traffic.js'

const SESSIONS = 8
const WINDOW_BYTES = 512 * 1024

export interface Shape {
  readonly label: string
  readonly direction: Direction
  /** Base64 characters of audio in a message. */
  readonly audioChars: number
  /** Messages in all. */
  readonly messages: number
}

export const UP_SMALL: Shape = { label: 'uplink 1.3 kB', direction: 'up', audioChars: 1280, messages: 32_000 }
export const UP_LARGE: Shape = { label: 'uplink 6.4 kB', direction: 'up', audioChars: 6400, messages: 10_000 }
export const DOWN_SMALL: Shape = { label: 'downlink 4 kB', direction: 'down', audioChars: 4096, messages: 32_000 }
export const DOWN_LARGE: Shape = { label: 'downlink 32 kB', direction: 'down', audioChars: 32_768, messages: 8000 }

export interface Flow {
  readonly sent: number
  readonly problems: string[]
  readonly used: Used
}

/** Moves `messages` through open sessions. When it resolves, all are delivered, or the missing ones are named in `problems`. */
export async function saturatedFlow(lab: Lab, target: Running, shape: Shape, sessions: number, messages = shape.messages): Promise<Flow> {
  const [sender, receiver]: readonly Remote<TrafficCommands>[] = shape.direction === 'up' ? [lab.load, lab.mock] : [lab.mock, lab.load]
  if (!sender || !receiver) throw new Error('a lab without its two ends')
  await lab.mock.call('reset', { credits: shape.direction === 'up', ringOfChars: shape.audioChars })
  await lab.load.call('reset', { credits: shape.direction === 'down', ringOfChars: shape.audioChars })
  if (shape.direction === 'down') await lab.mock.call('response', { phase: 'open' })
  await sender.call('prepare', { kind: 'ring', audioChars: shape.audioChars })
  const settings = { frames: Math.ceil(messages / sessions), windowBytes: WINDOW_BYTES, stopAfterMs: 20_000 }
  const { result: sent, used } = await measured(target, () => sender.call('saturate', settings, 30_000))
  const problems = problemsOf(shape.label, sent, await receiver.call('report', {}))
  if (shape.direction === 'down') {
    await lab.mock.call('response', { phase: 'close' })
    problems.push(...(await lab.mock.call('report', {})).problems)
  } else problems.push(...(await lab.load.call('report', {})).problems)
  return { sent, problems, used }
}

export interface Series {
  /** Added to each figure's name, e.g. ` over TLS`. */
  readonly suffix: string
  readonly targets: readonly TargetName[]
  readonly rounds: number
  readonly shapes: readonly Shape[]
  readonly opening?: Partial<Opening>
  readonly goals?: (shape: Shape) => readonly Goal[]
}

export async function throughput(lab: Lab, results: Results, series: Series): Promise<void> {
  for (const shape of series.shapes) {
    const title = shape.label + series.suffix
    const head = { figure: `${title}, CPU`, unit: 'µs/message', goals: series.goals?.(shape) ?? [] }
    await inRounds(lab, results, { title, targets: series.targets, rounds: series.rounds }, async (target, round) => {
      const opened = await lab.open(target, { sessions: SESSIONS, ...series.opening })
      const problems = opened.deflateAccepted > 0 ? [`permessage-deflate accepted on ${opened.deflateAccepted} sessions`] : []
      // A process that was never busy before would be measured while it still compiles.
      for (let warmUp = 0; round === 0 && warmUp < 2; warmUp++) problems.push(...(await saturatedFlow(lab, target, shape, SESSIONS)).problems)
      const { sent, problems: wrong, used } = await saturatedFlow(lab, target, shape, SESSIONS)
      return { values: [{ head, value: used.cpuMicros / sent }], problems: [...problems, ...wrong], used }
    })
  }
}

const SATURATED_GOALS: Readonly<Record<string, readonly Goal[]>> = {
  [UP_SMALL.label]: [{ target: 'relay', against: 'ws-pipe', as: 'ratio', atMost: 0.3, stretch: 0.25 }],
  [UP_LARGE.label]: [{ target: 'relay', against: 'ws-pipe', as: 'ratio', atMost: 0.3, stretch: 0.25 }],
  [DOWN_SMALL.label]: [
    { target: 'relay', against: 'ws-pipe', as: 'ratio', atMost: 0.55, stretch: 0.5 },
    { target: 'relay', against: 'nginx', as: 'ratio', atMost: 1.3, stretch: 1 },
  ],
  [DOWN_LARGE.label]: [{ target: 'relay', against: 'ws-pipe', as: 'ratio', atMost: 1.25, stretch: 1.1 }],
}

export function saturatedGoals(shape: Shape): readonly Goal[] {
  return SATURATED_GOALS[shape.label] ?? []
}

/** What every browser offers. */
export const deflateOpening: Partial<Opening> = { deflate: true }
