// What is mutated, and the tests that may notice.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Mutant, mutantsOf } from './mutants.js'

export const TARGETS = [
  'src/core/policy',
  'src/core/protocol',
  'src/core/session',
  'src/core/sdp',
  'src/auth',
  'src/relay/lane-outcome.ts',
  'src/relay/part-lane.ts',
  'src/relay/upstream-lane.ts',
  'src/wire/shared-read.ts',
] as const
/** Of these run only tests that reach a mutant. Tests of whole processes are not among them: they take seconds and say little about one line. */
const TESTS = [
  'test/core/policy',
  'test/core/protocol',
  'test/core/session',
  'test/core/sdp',
  'test/auth',
  'test/relay',
  'test/matrix',
  'test/config',
  'test/wire/shared-read.test.ts',
  'test/readme.test.ts',
].concat(['session', 'token', 'links'].map((name) => `test/fuzz/${name}.test.ts`))

export interface Candidate {
  readonly file: string
  readonly source: string
  readonly mutant: Mutant
}

/** Every mutant, always in the same order as long as the sources stay the same. */
export function candidates(root: string): readonly Candidate[] {
  return TARGETS.flatMap((path) => (path.endsWith('.ts') ? [path] : filesBelow(root, path, '.ts'))).flatMap((file) => {
    const source = readFileSync(join(root, file), 'utf8')
    return mutantsOf(source).map((mutant) => ({ file, source, mutant }))
  })
}

/** Those whose path holds one of these. */
export function testFiles(root: string, parts: string): readonly string[] {
  return TESTS.flatMap((path) => (path.endsWith('.ts') ? [path] : filesBelow(root, path, '.test.ts'))).filter((path) => holdsOne(path, parts))
}

/** `parts`: separated by commas. */
export function holdsOne(path: string, parts: string): boolean {
  return parts.split(',').some((part) => path.includes(part))
}

function filesBelow(root: string, folder: string, ending: string): readonly string[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`)
    .sort()
}

export function mutated({ source, mutant }: Candidate): string {
  return source.slice(0, mutant.start) + mutant.text + source.slice(mutant.end)
}

export function described({ file, source, mutant }: Candidate): string {
  const line = source.slice(0, mutant.start).split('\n').length
  const text = source.slice(mutant.start, mutant.end).replace(/\s+/g, ' ')
  return `${file}:${line} ${mutant.operator}: ${text.slice(0, 100)} → ${mutant.text.slice(0, 60)}`
}
