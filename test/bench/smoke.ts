// `npm run bench:smoke`: checks that the relay and the bare pipe deliver every frame in order and unchanged. Measures no time.
import { startLab } from './lab.js'
import { emptyResults, type Results } from './results.js'
import { type Speech, voice } from './scenario-realtime.js'
import { DOWN_SMALL, deflateOpening, throughput, UP_SMALL } from './scenario-throughput.js'
import { verify } from './scenario-verify.js'
import type { TargetName } from './targets.js'

const PIPES: readonly TargetName[] = ['ws-pipe', 'relay']
const SHORT: Speech = { label: 'speech', sessions: 10, upMs: 20, downMs: 40, durationMs: 1200 }

async function main(): Promise<number> {
  const results = emptyResults()
  const faulty = emptyResults()
  const lab = await startLab(process.execPath)
  const interrupted = (): void => void lab.stop().finally(() => process.exit(130))
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    const content = { sessions: 3, messages: 24, maxChars: 200_000 }
    await verify(lab, results, [...PIPES, 'relay-preview'], content)
    const shapes = [UP_SMALL, DOWN_SMALL].map((shape) => ({ ...shape, messages: 4000 }))
    await throughput(lab, results, { suffix: '', targets: [...PIPES, 'relay-preview'], rounds: 1, shapes })
    await throughput(lab, results, { suffix: ', client offers deflate', targets: PIPES, rounds: 1, shapes: shapes.slice(1), opening: deflateOpening })
    await voice(lab, results, { speech: SHORT, targets: PIPES, rounds: 1 })
    await voice(lab, faulty, { speech: { ...SHORT, settleMs: 500 }, targets: ['lossy-pipe'], rounds: 1 })
  } finally {
    await lab.stop()
  }
  const problems = [...results.problems, ...results.skipped, ...unnoticed(faulty)]
  console.log(problems.length === 0 ? 'Every frame was delivered, in order and unchanged.' : `Not delivered as sent:\n${problems.map((line) => `  ${line}`).join('\n')}`)
  return problems.length === 0 ? 0 : 1
}

/** Faults of a pipe that loses and swaps messages which the counts did not report. */
function unnoticed(faulty: Results): string[] {
  const said = faulty.problems.join('\n')
  const expected = [/up: \d+ sent, \d+ delivered/, /up: a gap in the sequence/, /down: out of order/]
  return [
    ...expected.filter((pattern) => !pattern.test(said)).map((pattern) => `the counts did not notice a faulty pipe: no ${pattern.source}; they said: ${said}`),
    ...faulty.skipped,
  ]
}

process.exitCode = await main()
