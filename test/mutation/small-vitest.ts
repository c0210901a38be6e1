// The part of Vitest's interface that collects tests, so that some of a file's tests can be run alone and again. `expect` and `vi` stay the real ones.
import { expect, vi } from 'vitest'
import type { Namespace } from './modules.js'

type Run = (...values: unknown[]) => unknown
type Hook = 'beforeAll' | 'beforeEach' | 'afterEach' | 'afterAll'

interface Suite {
  readonly parent: Suite | undefined
  readonly skipped: boolean
  readonly hooks: Readonly<Record<Hook, Run[]>>
  readonly entries: (Suite | Test)[]
}
interface Test {
  readonly number: number
  readonly skipped: boolean
  readonly run: Run
  readonly limitMs: number
}

export interface Collected {
  /** What a test file imports as `vitest`. */
  readonly api: Namespace
  /** How many tests the file has, once it was evaluated. */
  count(): number
  /** Runs the wanted tests in their order until one fails. Resolves with why, or with undefined. */
  run(wanted: (test: number) => boolean, watch: Watch): Promise<Failure | undefined>
}
export interface Watch {
  /** Most milliseconds of one test. */
  limitMs(test: number, own: number): number
  began(test: number | 'hooks'): void
  /** True: the next tests run nevertheless. */
  ended(test: number, failure: Failure | undefined): boolean
}
export type Failure = { readonly test: number; readonly late: boolean; readonly error: unknown }

class Late extends Error {}
const SKIPPED = Symbol('skipped')
// Tests replace the timers, even in the process that judges them.
const { setTimeout, clearTimeout } = globalThis
const DEFAULT_LIMIT_MS = 20_000

export function collecting(): Collected {
  const suite = (parent: Suite | undefined, skipped: boolean): Suite => ({ parent, skipped, hooks: { beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] }, entries: [] })
  const top = suite(undefined, false)
  let current = top
  let count = 0

  const describe = (skipped: boolean) => (_name: string, body: Run) => {
    const inner = suite(current, skipped || current.skipped)
    current.entries.push(inner)
    current = inner
    body()
    current = inner.parent ?? top
  }
  const it = (skipped: boolean) => (_name: string, body: Run, limitMs?: number) => {
    current.entries.push({ number: count++, skipped: skipped || current.skipped, run: body, limitMs: limitMs ?? DEFAULT_LIMIT_MS })
  }
  const hook = (name: Hook) => (body: Run) => void current.hooks[name].push(body)
  const api = { describe: withWays(describe), it: withWays(it), test: withWays(it), expect, vi, ...hooks(hook) }
  return { api, count: () => count, run: (wanted, watch) => runSuite(top, wanted, watch) }
}

function hooks(hook: (name: Hook) => (body: Run) => void): Namespace {
  return { beforeAll: hook('beforeAll'), beforeEach: hook('beforeEach'), afterEach: hook('afterEach'), afterAll: hook('afterAll') }
}

/** `each`, `skip`, `skipIf` and `runIf` of `describe` and `it`. */
function withWays(make: (skipped: boolean) => (name: string, body: Run, limitMs?: number) => void): unknown {
  const way = (skipped: boolean) =>
    Object.assign(make(skipped), {
      each: (rows: readonly unknown[]) => (name: string, body: Run, limitMs?: number) => {
        for (const row of rows) make(skipped)(name, () => (Array.isArray(row) ? body(...row) : body(row)), limitMs)
      },
    })
  return Object.assign(way(false), { skip: way(true), skipIf: (condition: unknown) => way(Boolean(condition)), runIf: (condition: unknown) => way(!condition) })
}

async function runSuite(suite: Suite, wanted: (test: number) => boolean, watch: Watch): Promise<Failure | undefined> {
  const chosen = suite.entries.filter((entry) => 'entries' in entry || (!entry.skipped && wanted(entry.number)))
  if (!chosen.some((entry) => holds(entry, wanted))) return undefined
  const cleanups: Run[] = []
  const first = numberIn(
    chosen.find((entry) => holds(entry, wanted)),
    wanted,
  )
  watch.began('hooks')
  let failure = await attempt(first, watch.limitMs(first, 60_000), async () => {
    for (const body of suite.hooks.beforeAll) keep(cleanups, await body())
  })
  for (const entry of chosen) {
    if (failure) break
    failure = 'entries' in entry ? await runSuite(entry, wanted, watch) : await runTest(suite, entry, watch)
  }
  const last = await attempt(first, watch.limitMs(first, 60_000), async () => {
    for (const body of [...suite.hooks.afterAll, ...cleanups.reverse()]) await body()
  })
  return failure ?? last
}

async function runTest(suite: Suite, test: Test, watch: Watch): Promise<Failure | undefined> {
  const suites: Suite[] = []
  for (let one: Suite | undefined = suite; one; one = one.parent) suites.unshift(one)
  const cleanups: Run[] = []
  const limitMs = watch.limitMs(test.number, test.limitMs)
  watch.began(test.number)
  const failure = await attempt(test.number, limitMs, async () => {
    for (const one of suites) for (const body of one.hooks.beforeEach) keep(cleanups, await body())
    await test.run({ expect, skip: () => Promise.reject(SKIPPED) })
  })
  const after = await attempt(test.number, limitMs, async () => {
    for (const one of suites.reverse()) for (const body of one.hooks.afterEach) await body()
    for (const body of cleanups.reverse()) await body()
  })
  const goesOn = watch.ended(test.number, failure ?? after)
  return goesOn ? undefined : (failure ?? after)
}

async function attempt(test: number, limitMs: number, body: () => Promise<void>): Promise<Failure | undefined> {
  let timer: NodeJS.Timeout | undefined
  try {
    await Promise.race([body(), new Promise((_, reject) => (timer = setTimeout(() => reject(new Late(`no end within ${limitMs} ms`)), limitMs)))])
    return undefined
  } catch (error) {
    return error === SKIPPED ? undefined : { test, late: error instanceof Late, error }
  } finally {
    clearTimeout(timer)
  }
}

function keep(cleanups: Run[], result: unknown): void {
  if (typeof result === 'function') cleanups.push(result as Run)
}

function holds(entry: Suite | Test, wanted: (test: number) => boolean): boolean {
  return 'entries' in entry ? entry.entries.some((inner) => holds(inner, wanted)) : !entry.skipped && wanted(entry.number)
}

function numberIn(entry: Suite | Test | undefined, wanted: (test: number) => boolean): number {
  if (entry === undefined) return -1
  return 'entries' in entry
    ? numberIn(
        entry.entries.find((inner) => holds(inner, wanted)),
        wanted,
      )
    : entry.number
}
