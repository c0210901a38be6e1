// Puts mistakes into policy, protocol, session, offers and authentication, one at a time, and counts how many the tests notice.
// npm run mutate -- [--sample 150] [--seed 1] [--only path,path] [--tests path,path] [--all] [--jobs 2]
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { refusedByCompiler } from './compiler.js'
import type { Line, Order, Reach } from './judge-lines.js'
import { type Candidate, candidates, described, holdsOne, TARGETS } from './targets.js'

const ROOT = join(import.meta.dirname, '../..')
/** A process is replaced after so many, since the modules of a graph are not collected before it ends. */
const BATCH = 100
const POLL_MS = 100
/** Most polls without a word. Not a time, so that a machine which stands still for a while makes nobody late. */
const POLLS = 300
const GOAL = 0.95

const { values } = parseArgs({
  options: {
    sample: { type: 'string', default: '150' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    tests: { type: 'string', default: '' },
    all: { type: 'boolean', default: false },
    jobs: { type: 'string', default: String(Math.max(1, availableParallelism() >> 1)) },
  },
})

const everything = candidates(ROOT)
const own = [...everything.keys()].filter((number) => holdsOne(everything[number]?.file ?? '', values.only))
const chosen = values.all ? own : sampled(own, Number(values.sample), Number(values.seed))
const folder = mkdtempSync(join(tmpdir(), 'relay-mutants-'))
const REACH = join(folder, 'reach')
const children = new Set<ChildProcess>()
type Verdict = 'killed' | 'survived' | 'late' | 'not reached' | 'no TypeScript'
const verdicts = new Map<number, Verdict>()
let orders = 0
try {
  process.exitCode = (await run()) ? 0 : 1
} finally {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

/** A sample by seed: the same seed chooses the same mutants of the same sources. */
function sampled(all: readonly number[], count: number, seed: number): readonly number[] {
  let state = seed >>> 0
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  return all
    .map((one) => [random(), one] as const)
    .sort(([a], [b]) => a - b)
    .slice(0, count)
    .map(([, one]) => one)
    .sort((a, b) => a - b)
}

async function run(): Promise<boolean> {
  const reach = await reached()
  const reachable = new Set(Object.values(reach).flatMap(({ loading, tests }) => [...loading, ...Object.keys(tests).map(Number)]))
  const [waiting, unreached] = [chosen.filter((number) => reachable.has(number)), chosen.filter((number) => !reachable.has(number))]
  console.log(`${chosen.length} mutants of ${everything.length}`)
  for (const number of unreached) decide(number, 'not reached')
  await Promise.all(Array.from({ length: Number(values.jobs) }, () => work(waiting, 1)))
  // A test that did not end may only have had a slow machine: it is asked again, alone and with more time.
  const late = [...verdicts].flatMap(([number, verdict]) => (verdict === 'late' ? [number] : []))
  if (late.length > 0) console.log(`${late.length} are asked again with more time`)
  await work([...late], 3)
  const alive = [...verdicts].flatMap(([number, verdict]) => (verdict === 'survived' || verdict === 'not reached' ? [number] : []))
  for (const number of await refusedByCompiler(ROOT, folder, alive, everything)) verdicts.set(number, 'no TypeScript')
  console.log('\nWhat nobody noticed:')
  for (const [number, verdict] of verdicts) if (verdict === 'survived' || verdict === 'not reached') console.log(`${verdict} ${described(everything[number] as Candidate)}`)
  for (const target of TARGETS) report(target, target)
  return report('all', '') >= GOAL
}

/** Which tests reach which mutants. Leaves it in a file for the judges. */
async function reached(): Promise<Reach> {
  let found: Reach | undefined
  await judge({ reach: undefined, mutants: [], patience: 1 }, (line) => {
    if ('reach' in line) found = line.reach
  })
  if (found === undefined) throw new Error('no test run could be started')
  writeFileSync(REACH, JSON.stringify(found))
  return found
}

/** Takes mutants from the list until none is left. */
async function work(waiting: number[], patience: number): Promise<void> {
  while (waiting.length > 0) {
    let batch = waiting.splice(0, BATCH)
    while (batch.length > 0) {
      let begun: number | undefined
      const before = batch.length
      await judge({ reach: REACH, mutants: batch, patience }, (line) => {
        if ('begun' in line) begun = line.begun
        if (!('judged' in line)) return
        begun = undefined
        batch = batch.filter((number) => number !== line.judged)
        decide(line.judged, line.late ? 'late' : line.by === undefined ? 'survived' : 'killed', line.by)
      })
      if (begun !== undefined) decide(begun, 'late', 'its process')
      batch = batch.filter((number) => number !== begun)
      if (batch.length === before) throw new Error('a process ended before its first mutant')
    }
  }
}

/** Resolves when the process has ended. It is ended if it says nothing for too long. */
async function judge(order: Omit<Order, 'results' | 'tests'>, heard: (line: Line) => void): Promise<void> {
  const [file, results] = [join(folder, `order-${++orders}`), join(folder, `results-${orders}`)]
  writeFileSync(results, '')
  writeFileSync(file, JSON.stringify({ ...order, results, tests: values.tests } satisfies Order))
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', '--config', 'vitest.mutation.config.ts'], {
    cwd: ROOT,
    env: { ...process.env, MUTATION_ORDER: file },
    stdio: 'ignore',
  })
  children.add(child)
  let ended = false
  child.on('exit', () => (ended = true))
  let [read, silent, worker] = [0, 0, 0]
  for (let last = false; !last; last = ended) {
    await sleep(POLL_MS)
    const whole = readFileSync(results, 'utf8')
    const text = whole.slice(read, whole.lastIndexOf('\n') + 1)
    read += text.length
    silent = text === '' ? silent + 1 : 0
    for (const json of text.split('\n').filter((one) => one !== '')) {
      const line = JSON.parse(json) as Line
      if ('broken' in line) throw new Error(line.broken)
      if ('process' in line) worker = line.process
      heard(line)
    }
    if (ended || silent < POLLS * (order.reach ? order.patience : 10)) continue
    // Vitest waits for its worker, which does not listen while it spins.
    if (worker > 0) process.kill(worker, 'SIGKILL')
    child.kill('SIGKILL')
  }
  children.delete(child)
}

function decide(number: number, verdict: Verdict, by = ''): void {
  verdicts.set(number, verdict)
  const one = everything[number]
  if (verdict !== 'killed' && one) console.log(`${verdict} ${described(one)} ${by}`)
  if (verdicts.size % 100 === 0) console.log(`${verdicts.size} of ${chosen.length}, ${count('survived')} survived`)
}

function count(verdict: Verdict, path = ''): number {
  return [...verdicts].filter(([number, one]) => one === verdict && everything[number]?.file.startsWith(path)).length
}

/** Prints and returns the share of noticed mutants among those that compile and that a test reaches. */
function report(title: string, path: string): number {
  const [killed, late, survived, unreached, refused] = (['killed', 'late', 'survived', 'not reached', 'no TypeScript'] as const).map((verdict) => count(verdict, path)) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const rate = (killed + late) / (killed + late + survived)
  if (killed + late + survived > 0)
    console.log(
      `${title}: ${killed} killed, ${late} never ended, ${survived} survived: ${(rate * 100).toFixed(1)} % of the reached, ${GOAL * 100} % wanted; ${unreached} not reached, ${refused} do not compile`,
    )
  return rate
}
