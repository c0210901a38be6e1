// Puts mistakes into core's policy and protocol and into the authentication, one at a time, and counts how many the tests notice.
// npm run mutate -- [--sample 150] [--seed 1] [--only path] [--all] [--jobs 2]
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Answer, Question } from './judge.js'
import { type Mutant, mutantsOf } from './mutants.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TARGETS: readonly { readonly folder: string; readonly tests: readonly string[] }[] = [
  { folder: 'src/core/policy', tests: ['test/core/policy', 'test/core/session', 'test/core/protocol/differentials', 'test/matrix'] },
  { folder: 'src/core/protocol', tests: ['test/core/protocol', 'test/core/policy/price', 'test/relay/usage', 'test/readme'] },
  { folder: 'src/auth', tests: ['test/auth'] },
]
/** Run first if they test the file: they notice most mutants. */
const CLOSEST: readonly (readonly [file: RegExp, test: RegExp])[] = [
  [/policy\/(client|settable|requested|paths|session-update)/, /client-sheet|settable/],
  [/policy\/(server|public-text)/, /server-sheet|server-visible/],
  [/policy\/instructions/, /instructions/],
  [/protocol\/(codec|json-scan)/, /codec/],
  [/protocol\/fast-lane/, /fast-lane/],
  [/protocol\/(preview|voice)/, /preview\.test|preview-order/],
  [/protocol\/token-usage/, /usage|price/],
  [/protocol\/errors/, /protocol\/errors/],
  [/auth\/(credential|authenticator)/, /credential/],
  [/auth\/key-set/, /key-set/],
  [/auth\/(jwt|claims|token-syntax)/, /jwt|claims/],
  [/auth\/remote-keys/, /remote-keys-times/],
  [/auth\/tool-identity/, /tool-identity/],
  [/auth\/mint-token/, /mint-token/],
]
/** Run last, unless they are closest to the file. */
const SLOW = /differentials|hostile|fast-lane|remote-keys\.|wycheproof/
/** Too slow to run for files that they hardly touch. A mutant that only they would notice counts as survived. */
const UNRELATED: readonly (readonly [file: RegExp, test: RegExp])[] = [
  [/core\/policy/, /interleavings/],
  [/protocol\/(errors|token-usage|preview|voice)/, /differentials|fast-lane/],
  [/protocol\/(errors|token-usage|codec|json-scan|fast-lane)/, /preview/],
  [/auth\/(?!remote-keys|key-set)/, /remote-keys\./],
]
const LATE = 'the time limit'
/** A whole stage takes some seconds. */
const TIME_LIMIT_MS = 60_000
const GOAL = 0.9

interface Candidate {
  readonly file: string
  readonly source: string
  readonly mutant: Mutant
  readonly tests: readonly string[]
}

const { values } = parseArgs({
  options: {
    sample: { type: 'string', default: '150' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    all: { type: 'boolean', default: false },
    jobs: { type: 'string', default: String(Math.max(1, availableParallelism() >> 1)) },
  },
})

const everything = TARGETS.flatMap(candidatesIn).filter(({ file }) => file.includes(values.only))
const chosen = values.all ? everything : sampled(everything, Number(values.sample), Number(values.seed))
const folders: string[] = []
try {
  process.exitCode = (await run(chosen)) ? 0 : 1
} finally {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}

function candidatesIn({ folder: target, tests }: (typeof TARGETS)[number]): readonly Candidate[] {
  return readdirSync(join(ROOT, target)).flatMap((name) => {
    const file = `${target}/${name}`
    const source = readFileSync(join(ROOT, file), 'utf8')
    return mutantsOf(source).map((mutant) => ({ file, source, mutant, tests }))
  })
}

/** A sample by seed: the same seed chooses the same mutants of the same source. */
function sampled(all: readonly Candidate[], count: number, seed: number): readonly Candidate[] {
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
}

/** Makes a copy of the project, since the source is never changed in place. Returns the copy's folder. */
function workingCopy(): string {
  const copy = mkdtempSync(join(tmpdir(), 'relay-mutants-'))
  folders.push(copy)
  const project = join(copy, 'project')
  const left = /(^|\/)(node_modules|dist|\.git|\.venv)$/
  cpSync(ROOT, project, { recursive: true, filter: (source) => !left.test(source.replace(/\/$/, '')) })
  symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'), 'dir')
  symlinkSync(join(ROOT, '../shared'), join(copy, 'shared'), 'dir')
  return project
}

interface Judge {
  readonly tests: readonly string[]
  /** The test files that fail. If the judge does not answer in time, the mutant loops: the judge is ended and the mutant counts as noticed. */
  ask(question: Question): Promise<readonly string[]>
  end(): void
}

async function judge(project: string): Promise<Judge> {
  let [child, tests] = await started(project)
  return {
    tests,
    async ask(question) {
      child.send(question)
      const answer = await answerOf(child)
      if (answer?.failed) return answer.failed
      child.kill('SIGKILL')
      writeFileSync(join(project, question.file), question.source)
      ;[child, tests] = await started(project)
      return [LATE]
    },
    end: () => child.kill('SIGKILL'),
  }
}

async function started(project: string): Promise<[ChildProcess, readonly string[]]> {
  const child = fork(fileURLToPath(new URL('judge.ts', import.meta.url)), [project], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const answer = await answerOf(child)
  if (!answer?.tests) throw new Error('no test run could be started')
  return [child, answer.tests]
}

/** Undefined if the time is over. */
async function answerOf(child: ChildProcess): Promise<Answer | undefined> {
  const late = AbortSignal.timeout(TIME_LIMIT_MS)
  const [answer] = (await once(child, 'message', { signal: late }).catch((error) => {
    if (!late.aborted) throw error
    return []
  })) as Answer[]
  if (answer?.broken !== undefined) throw new Error(answer.broken)
  return answer
}

/** The tests of a file in the order in which they run. */
function stagesFor(file: string, tests: readonly string[], all: readonly string[]): readonly (readonly string[])[] {
  const own = all.filter((name) => tests.some((prefix) => name.startsWith(prefix)) && !UNRELATED.some(([pattern, test]) => pattern.test(file) && test.test(name)))
  const close = CLOSEST.find(([pattern]) => pattern.test(file))?.[1] ?? /$^/
  const stage = (name: string) => (close.test(name) ? 0 : SLOW.test(name) ? 2 : 1)
  return [0, 1, 2].map((number) => own.filter((name) => stage(name) === number)).filter((names) => names.length > 0)
}

async function run(candidates: readonly Candidate[]): Promise<boolean> {
  const judges = await Promise.all(Array.from({ length: Number(values.jobs) }, () => judge(workingCopy())))
  const survivors: Candidate[] = []
  const queue = candidates.values()
  let done = 0
  try {
    for (const { folder, tests } of TARGETS.filter((target) => candidates.some(({ file }) => file.startsWith(target.folder)))) {
      const { file, source } = candidates.find((one) => one.file.startsWith(folder)) as Candidate
      const failed = (await judges[0]?.ask({ file, source, text: source, stages: stagesFor(folder, tests, judges[0].tests) })) ?? []
      if (failed.length > 0) throw new Error(`without any mutant these tests of ${folder} fail: ${failed.join(', ')}`)
    }
    await Promise.all(
      judges.map(async (one) => {
        for (const candidate of queue) {
          const { file, source, mutant, tests } = candidate
          const text = source.slice(0, mutant.start) + mutant.text + source.slice(mutant.end)
          const failed = await one.ask({ file, source, text, stages: stagesFor(file, tests, one.tests) })
          if (failed.length === 0) survivors.push(candidate)
          if (failed.length === 0) console.log(`survived ${describe(candidate)}`)
          if (failed[0] === LATE) console.log(`took too long, counted as killed: ${describe(candidate)}`)
          if (++done % 25 === 0) console.log(`${done} of ${candidates.length}, ${survivors.length} survived`)
        }
      }),
    )
  } finally {
    for (const one of judges) one.end()
  }
  for (const { folder } of TARGETS) report(folder, (file) => file.startsWith(`${folder}/`), candidates, survivors)
  return report('all', () => true, candidates, survivors) >= GOAL
}

/** Prints and returns the share of killed mutants among those chosen. */
function report(name: string, belongs: (file: string) => boolean, candidates: readonly Candidate[], survivors: readonly Candidate[]): number {
  const count = (list: readonly Candidate[]) => list.filter(({ file }) => belongs(file)).length
  const rate = 1 - count(survivors) / count(candidates)
  if (count(candidates) > 0)
    console.log(`${name}: ${count(candidates)} mutants of ${count(everything)}, ${count(survivors)} survived: ${(rate * 100).toFixed(1)} % killed, ${GOAL * 100} % wanted`)
  return rate
}

function describe({ file, source, mutant }: Candidate): string {
  const line = source.slice(0, mutant.start).split('\n').length
  const text = source.slice(mutant.start, mutant.end).replace(/\s+/g, ' ')
  return `${file}:${line} ${mutant.operator}: ${text.slice(0, 100)} → ${mutant.text.slice(0, 60)}`
}
