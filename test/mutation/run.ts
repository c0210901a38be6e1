// Breaks core's policy and protocol and the authentication, one mistake at a time, and counts how many of the mistakes the tests notice.
// npm run mutate -- [--sample 150] [--seed 1] [--only path] [--all]
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createVitest, type TestSpecification, type Vitest } from 'vitest/node'
import { type Mutant, mutantsOf } from './mutants.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TARGETS: readonly { readonly folder: string; readonly tests: readonly string[] }[] = [
  { folder: 'src/core/policy', tests: ['test/core/policy', 'test/core/session', 'test/core/protocol/differentials', 'test/matrix'] },
  { folder: 'src/core/protocol', tests: ['test/core/protocol', 'test/relay/usage', 'test/readme'] },
  { folder: 'src/auth', tests: ['test/auth'] },
]
/** Asked first, where they are about the file: most mutants do not outlive them. */
const CLOSEST: readonly (readonly [file: RegExp, test: RegExp])[] = [
  [/policy\/(client|settable|wishes|paths|session-update)/, /client-sheet|settable/],
  [/policy\/(server|public-text)/, /server-sheet|server-visible/],
  [/policy\/instructions/, /instructions/],
  [/protocol\/(codec|json-scan)/, /codec/],
  [/protocol\/fast-lane/, /fast-lane/],
  [/protocol\/(preview|voice)/, /preview\.test|preview-order/],
  [/protocol\/(token-usage|errors)/, /usage|readme/],
  [/auth\/(credential|authenticator)/, /credential/],
  [/auth\/key-set/, /key-set/],
  [/auth\/verification-key/, /verification-key/],
  [/auth\/(jwt|claims|token)/, /jwt/],
]
/** Asked last. */
const SLOW = /differentials|hostile|interleavings|remote-keys|wycheproof/
const GOAL = 0.9

interface Candidate {
  readonly file: string
  readonly source: string
  readonly mutant: Mutant
  readonly tests: readonly string[]
}

const { values } = parseArgs({
  options: { sample: { type: 'string', default: '150' }, seed: { type: 'string', default: '1' }, only: { type: 'string', default: '' }, all: { type: 'boolean', default: false } },
})

const everything = TARGETS.flatMap(candidatesIn).filter(({ file }) => file.includes(values.only))
const chosen = values.all ? everything : sampled(everything, Number(values.sample), Number(values.seed))
const folder = workingCopy()
try {
  process.exitCode = (await run(chosen)) ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function candidatesIn({ folder: target, tests }: (typeof TARGETS)[number]): readonly Candidate[] {
  return readdirSync(join(ROOT, target)).flatMap((name) => {
    const file = `${target}/${name}`
    const source = readFileSync(join(ROOT, file), 'utf8')
    return mutantsOf(source).map((mutant) => ({ file, source, mutant, tests }))
  })
}

/** Every n-th of a shuffle by the seed: the same seed chooses the same mutants of the same source. */
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

/** The source is broken in a copy, never in place. */
function workingCopy(): string {
  const copy = mkdtempSync(join(tmpdir(), 'relay-mutants-'))
  const project = join(copy, 'project')
  mkdirSync(project)
  for (const name of ['src', 'test/core', 'test/auth', 'test/support', 'test/matrix', 'test/relay', 'deploy', 'README.md', 'test/readme.test.ts'])
    cpSync(join(ROOT, name), join(project, name), { recursive: true })
  for (const name of ['package.json', 'tsconfig.json']) cpSync(join(ROOT, name), join(project, name))
  symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'), 'dir')
  symlinkSync(join(ROOT, '../shared'), join(copy, 'shared'), 'dir')
  return copy
}

async function run(candidates: readonly Candidate[]): Promise<boolean> {
  const project = join(folder, 'project')
  const vitest = await createVitest(
    'test',
    {
      root: project,
      config: false,
      watch: true,
      include: ['test/**/*.test.ts'],
      bail: 1,
      reporters: [{}],
      pool: 'threads',
      isolate: false,
      fileParallelism: false,
      testTimeout: 20_000,
    },
    { server: { watch: null } },
  )
  const specs = await vitest.globTestSpecifications()
  const stagesFor = (file: string, tests: readonly string[]) => {
    const own = specs.filter(({ moduleId }) => tests.some((prefix) => moduleId.includes(`/project/${prefix}`)))
    const close = CLOSEST.find(([pattern]) => pattern.test(file))?.[1] ?? /$^/
    const stage = ({ moduleId }: TestSpecification) => (SLOW.test(moduleId) ? 2 : close.test(moduleId) ? 0 : 1)
    return [0, 1, 2].map((number) => own.filter((spec) => stage(spec) === number)).filter((stageSpecs) => stageSpecs.length > 0)
  }
  const survives = async (file: string, tests: readonly string[]) => {
    for (const stage of stagesFor(file, tests)) if (!(await passes(vitest, stage))) return false
    return true
  }
  for (const { folder: target, tests } of TARGETS) {
    if (!(await survives(target, tests))) throw new Error(`the tests of ${target} fail without any mutant`)
  }
  const survivors: Candidate[] = []
  for (const [index, candidate] of candidates.entries()) {
    const { file, source, mutant, tests } = candidate
    const path = join(project, file)
    writeFileSync(path, source.slice(0, mutant.start) + mutant.text + source.slice(mutant.end))
    vitest.invalidateFile(path)
    const survived = await survives(file, tests)
    writeFileSync(path, source)
    vitest.invalidateFile(path)
    if (survived) survivors.push(candidate)
    if (survived) console.log(`survived ${describe(candidate)}`)
    if ((index + 1) % 25 === 0) console.log(`${index + 1} of ${candidates.length}, ${survivors.length} survived`)
  }
  await vitest.close()
  const rate = 1 - survivors.length / candidates.length
  console.log(`${candidates.length} mutants of ${everything.length}, ${survivors.length} survived: ${(rate * 100).toFixed(1)} % killed, ${GOAL * 100} % wanted`)
  return rate >= GOAL
}

async function passes(vitest: Vitest, specs: TestSpecification[]): Promise<boolean> {
  vitest.state.filesMap.clear()
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specs)
  return unhandledErrors.length === 0 && testModules.length > 0 && testModules.every((module) => module.state() !== 'failed' && module.ok())
}

function describe({ file, source, mutant }: Candidate): string {
  const line = source.slice(0, mutant.start).split('\n').length
  const text = source.slice(mutant.start, mutant.end).replace(/\s+/g, ' ')
  return `${file}:${line} ${mutant.operator}: ${text.slice(0, 100)} → ${mutant.text.slice(0, 60)}`
}
