// `npm run bench:seen`: what it costs that a relay is seen. Traces, metrics and log to a sink, metrics scraped each second and the operators' page watched, beside all off, and that beside a relay that hears nothing of its sessions.
import { parseArgs } from 'node:util'
import { startLab } from './lab.js'
import { canMeasure } from './process-tree.js'
import { textReport } from './report.js'
import { emptyResults, type Goal } from './results.js'
import { voice } from './scenario-realtime.js'
import { DOWN_SMALL, throughput, UP_LARGE, UP_SMALL } from './scenario-throughput.js'
import { saturatedTurns } from './scenario-turns.js'
import type { TargetName } from './targets.js'

const TARGETS: readonly TargetName[] = ['relay-blind', 'relay', 'relay-seen']
const SPEECH = { label: '50 sessions of speech', sessions: 50, upMs: 20, downMs: 100, durationMs: 4000 }
const goals: readonly Goal[] = [
  { target: 'relay-seen', against: 'relay', as: 'ratio', atMost: 1.05, stretch: 1.02 },
  { target: 'relay', against: 'relay-blind', as: 'ratio', atMost: 1.05, stretch: 1.02 },
]
/** Spans are made of these: what the ratios are, is said, and there is no goal for them. */
const ANSWERS = {
  label: 'whole answers, 20 deltas of 4 kB',
  kind: 'answer',
  audioChars: 4096,
  turns: 130,
  targets: TARGETS,
  goals: [],
} as const

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '9' } } })

async function main(): Promise<number> {
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) {
    console.error(`--rounds: ${values.rounds} is not a whole number above 0`)
    return 2
  }
  if (!canMeasure()) {
    console.error('CPU time is read from /proc/<pid>/task/*/schedstat, which this system does not have: run the bench on Linux.')
    return 2
  }
  const results = emptyResults()
  const lab = await startLab(process.execPath, { onlooker: true })
  const interrupted = (): void => void lab.stop().finally(() => process.exit(130))
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    // Rounds of a few tenths of a second would miss most scrapes.
    const shapes = [UP_SMALL, UP_LARGE, DOWN_SMALL].map((shape) => ({ ...shape, messages: shape.messages * 10 }))
    await throughput(lab, results, { suffix: '', targets: TARGETS, rounds, shapes, goals: () => goals })
    await voice(lab, results, { speech: SPEECH, targets: TARGETS, rounds, cpuGoals: goals })
    await saturatedTurns(lab, results, ANSWERS, rounds)
    const seen = await lab.onlooker?.call('seen', {})
    if (!seen || Object.values(seen).some((count) => count === 0)) results.problems.push(`nobody was looking: ${JSON.stringify(seen)}`)
    else console.error(`seen: ${seen.exports} exports, ${seen.scrapes} scrapes, ${Math.round(seen.pictureBytes / 1024)} KB of pictures`)
  } finally {
    await lab.stop()
  }
  console.log(textReport(results))
  return results.problems.length > 0 ? 1 : 0
}

process.exitCode = await main()
