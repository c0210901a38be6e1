// One child process of a mutation run: a long-lived Vitest in a copy of the project that reports whether the tests notice each mutant.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createVitest, type TestSpecification } from 'vitest/node'

/** Writes `text` to `file` and runs the stages, each a list of test files, until one fails. Then it restores `source`. */
export interface Question {
  readonly file: string
  readonly source: string
  readonly text: string
  readonly stages: readonly (readonly string[])[]
}
/** First the list of test files. Then for each question the files that noticed (none: the mutant survived), or why it has no answer. */
export interface Answer {
  readonly tests?: readonly string[]
  readonly failed?: readonly string[]
  readonly broken?: string
}

const [project = ''] = process.argv.slice(2)
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
const specs = new Map((await vitest.globTestSpecifications()).map((spec) => [spec.moduleId.slice(project.length + 1), spec]))

process.on('message', (question: Question) => {
  judged(question).then(
    (failed) => answer({ failed }),
    (error) => answer({ broken: String(error) }),
  )
})
process.on('disconnect', () => process.exit())
answer({ tests: [...specs.keys()] })

function answer(message: Answer): void {
  process.send?.(message)
}

async function judged({ file, source, text, stages }: Question): Promise<readonly string[]> {
  const path = join(project, file)
  put(path, text)
  for (const stage of stages) {
    const failed = await failing(stage.map((name) => specs.get(name)).filter((spec) => spec !== undefined))
    if (failed.length === 0) continue
    put(path, source)
    return failed
  }
  put(path, source)
  return []
}

function put(path: string, text: string): void {
  writeFileSync(path, text)
  vitest.invalidateFile(path)
}

async function failing(stage: TestSpecification[]): Promise<readonly string[]> {
  vitest.state.filesMap.clear()
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(stage)
  const failed = testModules.filter((module) => module.state() === 'failed' || !module.ok()).map(({ relativeModuleId }) => relativeModuleId)
  if (failed.length === 0 && (unhandledErrors.length > 0 || testModules.length === 0)) return ['an error outside the tests']
  return failed
}
