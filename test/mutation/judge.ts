// One process of a mutation run, inside Vitest: finds out which tests reach which mutant, or whether those tests notice it.
import { appendFileSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import fastCheck from 'fast-check'
import { it, vi } from 'vitest'
import type { Line, Order, Reach, Reached } from './judge-lines.js'
import { createModules, type Namespace } from './modules.js'
import { probed } from './mutants.js'
import { type Collected, collecting, type Failure, type Watch } from './small-vitest.js'
import { type Candidate, candidates, mutated, testFiles } from './targets.js'

const ROOT = join(import.meta.dirname, '../..')
/** Properties stop after this time; their seed is fixed, so it is always the same cases that come first. */
const PROPERTY_MS = 700
/** A mistake made while the modules are loaded may matter to any test. Files that take longer are asked only if they are about that source, or have noticed another of its mistakes. */
const SLOW_MS = 5000
/** More turns of all loops than any test needs: megabytes are read byte by byte. */
const MOST_TURNS = 1e8
/** Of the tests of one file that reach one mutant. */
const LONGEST_MS = 12_000
const order = JSON.parse(readFileSync(process.env.MUTATION_ORDER ?? '', 'utf8')) as Order
const everything = candidates(ROOT)
const modules = createModules(ROOT, async (specifier) => (await import(specifier)) as Namespace)
const say = (line: Line) => appendFileSync(order.results, `${JSON.stringify(line)}\n`)

let stray: unknown
let turns = 0
let since = Number.POSITIVE_INFINITY
let tooLong = false
Object.assign(globalThis, {
  __turned() {
    if (++turns % 1024 === 0 && performance.now() - since > LONGEST_MS * order.patience) tooLong = true
    if (tooLong || turns > MOST_TURNS) throw new Error('a loop without end')
  },
})
const strayed = (error: unknown) => {
  stray = error
}
process.prependListener('unhandledRejection', strayed).prependListener('uncaughtException', strayed)

const quickProperties = (): Namespace => {
  const fc = { ...fastCheck, configureGlobal: (own: object) => fastCheck.configureGlobal({ ...own, interruptAfterTimeLimit: PROPERTY_MS, markInterruptAsFailure: false }) }
  return { ...fc, default: fc }
}

async function loaded(file: string, texts: ReadonlyMap<string, string>): Promise<Collected> {
  const tests = collecting()
  await modules.graph(texts, { vitest: tests.api, 'fast-check': quickProperties() }).import(file)
  return tests
}

async function reach(): Promise<Reach> {
  const texts = new Map<string, string>()
  for (const [index, { file, source }] of everything.entries()) {
    if (texts.has(file)) continue
    const own = everything.filter((one) => one.file === file).map(({ mutant }) => mutant)
    texts.set(file, probed(source, own, index))
  }
  const found: Record<string, Reached> = {}
  for (const file of testFiles(ROOT, order.tests)) {
    // Silence is counted for each file, since all of them together take minutes on a busy machine.
    say({ process: process.pid })
    const one = await observed(file, texts)
    // Probes slow tests down that read megabytes, so their times are taken again without.
    found[file] = costOf(one) > SLOW_MS ? { ...one, ms: (await observed(file, new Map())).ms } : one
  }
  return found
}

/** Runs every test of a file. */
async function observed(file: string, texts: ReadonlyMap<string, string>): Promise<Reached> {
  const loading = new Set<number>()
  let reached = loading
  Object.assign(globalThis, { __reached: (number: number) => reached.add(number) })
  const began = performance.now()
  const collected = await loaded(file, texts)
  const loadMs = performance.now() - began
  const ms = Array.from({ length: collected.count() }, (): number | null => null)
  const tests: Record<number, number[]> = {}
  let testBegan = 0
  const failure = await collected.run(() => true, {
    limitMs: (_, own) => own * 2,
    began(test) {
      reached = test === 'hooks' ? loading : new Set()
      testBegan = performance.now()
    },
    ended(test, failed) {
      if (!failed) ms[test] = Math.round((performance.now() - testBegan) * 10) / 10
      for (const mutant of failed ? [] : reached) {
        tests[mutant] ??= []
        tests[mutant]?.push(test)
      }
      reached = loading
      return failed === undefined || failed.test >= 0
    },
  })
  settle()
  if (failure) throw new Error(`without any mutant a test of ${file} fails: ${said(failure)}`)
  return { ms, loadMs, loading: [...loading], tests }
}

function costOf({ ms, loadMs }: Pick<Reached, 'ms' | 'loadMs'>, wanted: Iterable<number> = ms.keys()): number {
  let cost = loadMs
  for (const test of wanted) cost += ms[test] ?? 0
  return cost
}

/** Undefined if no test noticed. */
async function judged(mutant: number, candidate: Candidate, known: Reach, kills: Map<string, number>): Promise<{ by: string; late: boolean } | undefined> {
  const texts = new Map([[candidate.file, mutated(candidate)]])
  const ways = Object.entries(known).flatMap(([file, { ms, loadMs, loading, tests }]) => {
    const all = loading.includes(mutant)
    const wanted = all ? [...ms.keys()].filter((test) => ms[test] !== null) : (tests[mutant] ?? [])
    const cost = costOf({ ms, loadMs }, wanted)
    return wanted.length > 0 && !(all && cost > SLOW_MS && !isAbout(file, candidate) && !kills.has(key(candidate, file))) ? [{ file, wanted: new Set(wanted), cost }] : []
  })
  const worth = (way: (typeof ways)[number]) => ((kills.get(key(candidate, way.file)) ?? 0) + 0.2) / (way.cost + 20)
  for (const { file, wanted } of ways.sort((a, b) => worth(b) - worth(a))) {
    say({ begun: mutant })
    const failure = await failureOf(file, texts, wanted, known[file]?.ms ?? [])
    if (failure === undefined) continue
    kills.set(key(candidate, file), (kills.get(key(candidate, file)) ?? 0) + 1)
    return { by: file, late: failure.late }
  }
  return undefined
}

/** Named after it: `codec.test.ts` is about `codec.ts`. */
const isAbout = (test: string, { file }: Candidate) => basename(test).startsWith(basename(file, '.ts'))
const key = (candidate: Candidate, test: string) => `${candidate.file} ${test}`

async function failureOf(file: string, texts: ReadonlyMap<string, string>, wanted: ReadonlySet<number>, ms: Reached['ms']): Promise<Failure | undefined> {
  const watch: Watch = { limitMs: (test) => (2000 + 10 * (ms[test] ?? 0)) * order.patience, began: () => undefined, ended: () => false }
  since = performance.now()
  try {
    const collected = await loaded(file, texts)
    const failure = await collected.run((test) => wanted.has(test), watch)
    if (failure) return { ...failure, late: failure.late || tooLong }
    await new Promise((resolve) => setImmediate(resolve))
    const error = tooLong || turns > MOST_TURNS ? new Error('a loop without end') : stray
    return error === undefined ? undefined : { test: -1, late: tooLong, error }
  } catch (error) {
    return { test: -1, late: tooLong, error }
  } finally {
    settle()
  }
}

function settle(): void {
  stray = undefined
  turns = 0
  tooLong = false
  since = Number.POSITIVE_INFINITY
  vi.useRealTimers()
  vi.restoreAllMocks()
}

const said = ({ error }: Failure) => (error instanceof Error ? (error.stack ?? error.message) : String(error))

it('judges', { timeout: 2 ** 31 - 1 }, async () => {
  try {
    say({ process: process.pid })
    if (order.reach === undefined) return say({ reach: await reach() })
    const known = JSON.parse(readFileSync(order.reach, 'utf8')) as Reach
    const kills = new Map<string, number>()
    for (const mutant of order.mutants) {
      const candidate = everything[mutant]
      if (candidate === undefined) throw new Error('the sources have changed')
      const verdict = await judged(mutant, candidate, known, kills)
      say({ judged: mutant, ...verdict })
      // What did not end is still at work here, so the next ones get a process of their own.
      if (verdict?.late) return
    }
  } catch (error) {
    say({ broken: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
})
