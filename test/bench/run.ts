// `npm run bench`: measures the relay beside bare pipes and native proxies, prints a table and writes JSON. Fails only if a message is not delivered.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { buildBench } from './build.js'
import { type Lab, startLab } from './lab.js'
import { describeMachine, versionOf } from './machine.js'
import { canMeasure } from './process-tree.js'
import { jsonReport, textReport } from './report.js'
import { emptyResults, type Goal, type Results } from './results.js'
import { memory, type SetUpCase, setUp, slowClients } from './scenario-lifecycle.js'
import { flood, growth, type Speech, voice } from './scenario-realtime.js'
import { DOWN_LARGE, DOWN_SMALL, deflateOpening, saturatedGoals, throughput, UP_LARGE, UP_SMALL } from './scenario-throughput.js'
import { mixGrowth, type PacedTurns, pacedMix, saturatedTurns, type TurnCase } from './scenario-turns.js'
import { verify } from './scenario-verify.js'
import { TARGET_NAMES, type TargetName } from './targets.js'

interface Options {
  /** The requested ones among `names`. */
  readonly only: (names: readonly TargetName[]) => TargetName[]
  readonly rounds: (usual: number) => number
  readonly memorySessions: readonly number[]
}

const FIFTY: Speech = { label: '50 sessions of speech', sessions: 50, upMs: 20, downMs: 100, durationMs: 2000 }

type Scenario = (lab: Lab, results: Results, options: Options) => Promise<void>

const SET_UPS: readonly SetUpCase[] = [
  { delayMs: 0, together: 1 },
  { delayMs: 200, together: 1 },
  { delayMs: 0, together: 4 },
]

const VOICE_TLS: readonly Goal[] = [
  { target: 'relay-tls', against: 'ws-pipe-tls', as: 'ratio', atMost: 1, stretch: 0.9 },
  { target: 'relay-preview-tls', against: 'relay-tls', as: 'ratio', atMost: 1.1, stretch: 1.05 },
]
/** A client whose dialect differs from the upstream's, compared with one that speaks the same. The pipe carries the same bytes untranslated. */
const PREVIEW: readonly Goal[] = [{ target: 'relay-preview', against: 'relay', as: 'ratio', atMost: 1.1, stretch: 1.05 }]
const VOICE: readonly Goal[] = [
  { target: 'relay', against: 'ws-pipe', as: 'ratio', atMost: 1, stretch: 0.9 },
  { target: 'relay', against: 'nginx', as: 'ratio', atMost: 2.2, stretch: 1.8 },
]
const GROWTH: readonly Goal[] = [
  { target: 'relay', against: undefined, as: 'value', atMost: 1.15, stretch: 1 },
  { target: 'relay', against: 'ws-pipe', as: 'ratio', atMost: 1.15, stretch: 1 },
]
const ratio = (target: TargetName, against: TargetName, atMost: number): Goal => ({ target, against, as: 'ratio', atMost, stretch: atMost * 0.9 })
const MIX: readonly Goal[] = [ratio('relay-tools', 'ws-pipe', 1), ratio('relay-tools-preview', 'ws-pipe', 1.15)]
const MIX_TARGETS: readonly TargetName[] = ['ws-pipe', 'relay-tools', 'relay-tools-preview']
const ANSWER_TARGETS: readonly TargetName[] = ['ws-pipe', 'nginx', 'relay']
const ANSWERS: readonly TurnCase[] = [
  { label: 'whole answers, 20 deltas of 4 kB', kind: 'answer', audioChars: 4096, turns: 130, targets: ANSWER_TARGETS, goals: [ratio('relay', 'ws-pipe', 0.7)] },
  { label: 'whole answers, 20 deltas of 32 kB', kind: 'answer', audioChars: 32_768, turns: 40, targets: ANSWER_TARGETS, goals: [ratio('relay', 'ws-pipe', 1.25)] },
]
const FAST_MIX: TurnCase = { label: 'the recorded mix, as fast as it goes', kind: 'mix', audioChars: 4096, turns: 40, targets: MIX_TARGETS, goals: MIX }
const EVENTS: readonly TurnCase[] = [
  {
    label: 'transcript deltas',
    kind: 'transcript',
    audioChars: 1024,
    turns: 40,
    targets: MIX_TARGETS,
    goals: [{ target: 'relay-tools', against: undefined, as: 'value', atMost: 4, stretch: 3 }],
  },
  {
    label: 'response.created and response.done, with a quota and Redis',
    kind: 'booking',
    audioChars: 1024,
    turns: 500,
    targets: ['ws-pipe', 'relay', 'relay-booking'],
    // Two messages make one booking.
    goals: [{ target: 'relay-booking', against: undefined, as: 'value', atMost: 30, stretch: 25 }],
  },
]
/** 115 messages: 2,500 a second of 50 sessions. */
const MIX_TURN_MS = 2300
const MIX_FIFTY: PacedTurns = { label: '50 sessions of the recorded mix', sessions: 50, turnMs: MIX_TURN_MS, times: 'logged', durationMs: 2 * MIX_TURN_MS }
const MIX_EVEN: PacedTurns = { ...MIX_FIFTY, label: '50 sessions of the recorded mix, evenly', times: 'even' }

const BESIDE_A_FLOOD: readonly Goal[] = [{ target: 'relay-limited', against: undefined, as: 'value', atMost: 2, stretch: 1.25 }]
const ADDED: readonly Goal[] = [{ target: 'relay', against: 'direct', as: 'difference', atMost: 0.25, stretch: 0.15 }]

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  verify: async (lab, results, { only }) => {
    const options = { sessions: 4, messages: 40, maxChars: 200_000 }
    const targets = only(['ws-pipe', 'ws-parse', 'nginx', 'haproxy', 'ws-pipe-tls', 'relay', 'relay-tls', 'relay-preview', 'relay-preview-tls'])
    await verify(lab, results, targets, options)
  },
  answers: (lab, results, options) => saturatedEach(lab, results, options, ANSWERS),
  mix: async (lab, results, options) => {
    const { only, rounds } = options
    await saturatedEach(lab, results, options, [FAST_MIX])
    await pacedMix(lab, results, MIX_FIFTY, only(MIX_TARGETS), rounds(5), MIX)
    await pacedMix(lab, results, MIX_EVEN, only(MIX_TARGETS), rounds(3), [])
  },
  // A turn of each session takes 46 seconds at this pace.
  'mix-many': (lab, results, { only, rounds }) =>
    mixGrowth(lab, results, {
      few: MIX_EVEN,
      many: { label: '1,000 sessions of the recorded mix, as many messages a second', sessions: 1000, turnMs: 20 * MIX_TURN_MS, times: 'even', durationMs: 1 },
      targets: only(['ws-pipe', 'relay-tools']),
      rounds: rounds(2),
      goals: [{ target: 'relay-tools', against: undefined, as: 'value', atMost: 1.15, stretch: 1 }],
    }),
  events: (lab, results, options) => saturatedEach(lab, results, options, EVENTS),
  saturated: (lab, results, { only, rounds }) =>
    throughput(lab, results, {
      suffix: '',
      targets: only(['ws-pipe', 'ws-pipe-bu', 'ws-parse', 'nginx', 'haproxy', 'relay']),
      rounds: rounds(5),
      shapes: [UP_SMALL, UP_LARGE, DOWN_SMALL, DOWN_LARGE],
      goals: saturatedGoals,
    }),
  voice: (lab, results, { only, rounds }) =>
    voice(lab, results, {
      speech: FIFTY,
      targets: only(['direct', 'ws-pipe', 'nginx', 'relay']),
      rounds: rounds(4),
      cpuGoals: VOICE,
      latencyGoals: ADDED,
    }),
  many: (lab, results, { only, rounds }) =>
    growth(lab, results, {
      few: FIFTY,
      many: { label: '1,000 sessions, the same messages a second', sessions: 1000, upMs: 400, downMs: 2000, durationMs: 4000 },
      targets: only(['ws-pipe', 'nginx', 'relay']),
      rounds: rounds(3),
      goals: GROWTH,
    }),
  tls: async (lab, results, { only, rounds }) => {
    const targets = only(['ws-pipe-tls', 'relay-tls', 'relay-preview-tls'])
    await throughput(lab, results, { suffix: ', TLS upstream', targets, rounds: rounds(3), shapes: [UP_SMALL, DOWN_SMALL] })
    await voice(lab, results, { speech: { ...FIFTY, label: '50 sessions of speech, TLS upstream' }, targets, rounds: rounds(3), cpuGoals: VOICE_TLS })
  },
  preview: async (lab, results, { only, rounds }) => {
    const targets = only(['relay', 'relay-preview'])
    // A tenth is less than rounds of fifty milliseconds differ by.
    const shapes = [UP_SMALL, UP_LARGE, DOWN_SMALL, DOWN_LARGE].map((shape) => ({ ...shape, messages: shape.messages * 3 }))
    await throughput(lab, results, { suffix: ', preview client', targets, rounds: rounds(4), shapes, goals: () => PREVIEW })
    await voice(lab, results, { speech: { ...FIFTY, label: '50 sessions of speech, preview client' }, targets, rounds: rounds(3), cpuGoals: PREVIEW })
  },
  deflate: (lab, results, { only, rounds }) =>
    throughput(lab, results, {
      suffix: ', client offers deflate',
      targets: only(['ws-pipe', 'relay']),
      rounds: rounds(3),
      shapes: [{ ...DOWN_SMALL, label: 'downlink 8 kB', audioChars: 8192, messages: 16_000 }],
      opening: deflateOpening,
    }),
  setup: (lab, results, { only, rounds }) => setUp(lab, results, only(['direct', 'nginx', 'ws-pipe', 'relay', 'relay-pool']), SET_UPS, rounds(3)),
  flood: async (lab, results, { only, rounds }) => {
    await flood(lab, results, { targets: only(['direct', 'ws-pipe', 'relay']), rounds: rounds(1), goals: BESIDE_A_FLOOD })
    await flood(lab, results, { targets: only(['relay-limited']), rounds: rounds(3), goals: BESIDE_A_FLOOD })
  },
  memory: async (lab, results, { only, memorySessions }) => {
    for (const sessions of memorySessions) await memory(lab, results, only(['ws-pipe', 'nginx', 'relay']), sessions)
  },
  slow: (lab, results, { only }) => slowClients(lab, results, only(['ws-pipe', 'nginx', 'relay'])),
}

async function saturatedEach(lab: Lab, results: Results, { only, rounds }: Options, cases: readonly TurnCase[]): Promise<void> {
  for (const turnCase of cases) await saturatedTurns(lab, results, { ...turnCase, targets: only(turnCase.targets) }, rounds(5))
}

const { values } = parseArgs({
  options: {
    targets: { type: 'string' },
    scenarios: { type: 'string' },
    rounds: { type: 'string' },
    sessions: { type: 'string', default: '5000' },
    node: { type: 'string', default: process.execPath },
    json: { type: 'string' },
    micro: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

/** A comma-separated list. Ends the process if a member is unknown. */
function listed<T extends string>(option: string, text: string | undefined, known: readonly T[]): readonly T[] {
  const asked = text?.split(',').map((each) => each.trim()) ?? known
  const unknown = asked.filter((each) => !known.includes(each as T))
  if (unknown.length === 0) return asked as readonly T[]
  console.error(`--${option}: unknown ${unknown.join(', ')}; known are ${known.join(', ')}`)
  process.exit(2)
}

/** A whole number of at least 1. Ends the process for any other value. */
function count(option: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  console.error(`--${option}: ${text} is not a whole number above 0`)
  process.exit(2)
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(
      `npm run bench -- [--targets ${TARGET_NAMES.join(',')}] [--scenarios ${Object.keys(SCENARIOS).join(',')}] [--rounds N] [--sessions 1000,5000] [--node PATH] [--json FILE]`,
    )
    return 0
  }
  if (values.micro) {
    const json = values.json === undefined ? [] : ['--json', values.json]
    return spawnSync(values.node, [buildBench(['micro'])('micro'), ...json], { stdio: 'inherit' }).status ?? 1
  }
  if (!canMeasure()) {
    console.error('CPU time is read from /proc/<pid>/task/*/schedstat, which this system does not have: run the bench on Linux.')
    return 2
  }
  const targets = listed('targets', values.targets, TARGET_NAMES)
  const scenarios = listed('scenarios', values.scenarios, Object.keys(SCENARIOS))
  const options: Options = {
    only: (names) => names.filter((name) => targets.includes(name)),
    rounds: (usual) => (values.rounds === undefined ? usual : count('rounds', values.rounds)),
    memorySessions: values.sessions.split(',').map((text) => count('sessions', text)),
  }
  const started = Date.now()
  const about = {
    ...describeMachine(),
    targetsNode: versionOf(values.node, '--version'),
    nginx: versionOf('nginx', '-v'),
    haproxy: versionOf('haproxy', '-v'),
    startedAt: new Date().toISOString(),
  }
  const results = emptyResults()
  const lab = await startLab(values.node)
  const interrupted = (): void => void lab.stop().finally(() => process.exit(130))
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    for (const name of scenarios) {
      console.error(`${Math.round((Date.now() - started) / 1000)} s: ${name}`)
      await SCENARIOS[name]!(lab, results, options)
    }
  } finally {
    await lab.stop()
  }
  console.log(textReport(results))
  if (values.json) writeFileSync(values.json, jsonReport(results, { ...about, tookSeconds: Math.round((Date.now() - started) / 1000) }))
  return results.problems.length > 0 ? 1 : 0
}

process.exitCode = await main()
