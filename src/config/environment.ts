// Reads variables by name from one environment record, or from the file that NAME_FILE names, and collects every mistake.
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Variable } from './variable.js'
import { VARIABLES, type VariableName } from './variables.js'

export type Environment = Readonly<Record<string, string | undefined>>
export type Problems = { add(subject: string, problem: string): void; readonly found: readonly string[] }

type ValueOf<N extends VariableName> = (typeof VARIABLES)[N] extends Variable<infer T> ? ((typeof VARIABLES)[N]['default'] extends string ? T : T | undefined) : never

export interface EnvReader {
  /** The parsed value, or the default. A mistake is noted and answered with the default or undefined. */
  get<N extends VariableName>(name: N): ValueOf<N>
  /** Whether the variable or its `_FILE` form is set and not empty. */
  isSet(name: VariableName): boolean
  /** The variable that a `${NAME}` refers to, or the content of the file that `NAME_FILE` names. Undefined if neither is set. */
  free(name: string): string | undefined
  /** Names used by `free`. */
  readonly freeNames: ReadonlySet<string>
}

/** A mistyped path to a device or a huge file must not hang or fill the process. */
const MAX_FILE_BYTES = 4 * 1024 * 1024

export function createProblemList(): Problems {
  const found: string[] = []
  return { add: (subject, problem) => found.push(`${subject} ${problem}`), found }
}

export function createEnvReader(env: Environment, cwd: string, problems: Problems): EnvReader {
  const cache = new Map<VariableName, unknown>()
  const freeNames = new Set<string>()
  const given = (name: string) => (env[name] === undefined || env[name].trim() === '' ? undefined : env[name])

  function text(name: string, orFile: boolean): string | undefined {
    const direct = given(name)
    const file = orFile ? given(`${name}_FILE`) : undefined
    if (direct !== undefined && file !== undefined) {
      problems.add(name, `and ${name}_FILE are both set: keep one of them`)
      return undefined
    }
    if (file === undefined) return direct
    const content = readTextFile(resolve(cwd, file))
    if ('problem' in content) problems.add(`${name}_FILE`, content.problem)
    else if (content.value.trim() === '') problems.add(`${name}_FILE`, 'names an empty file')
    else return content.value.replace(/\r?\n$/, '')
    return undefined
  }

  function read(name: VariableName): unknown {
    const variable: Variable<unknown> = VARIABLES[name]
    const raw = text(name, variable.file)
    if (raw !== undefined) {
      const parsed = variable.parse(raw)
      if ('value' in parsed) return parsed.value
      problems.add(name, parsed.problem)
    }
    const fallback = variable.default === undefined ? undefined : variable.parse(variable.default)
    return fallback && 'value' in fallback ? fallback.value : undefined
  }

  return {
    get<N extends VariableName>(name: N) {
      if (!cache.has(name)) cache.set(name, read(name))
      return cache.get(name) as ValueOf<N>
    },
    isSet: (name) => given(name) !== undefined || (VARIABLES[name].file && given(`${name}_FILE`) !== undefined),
    free(name) {
      freeNames.add(name)
      return text(name, true)?.trim()
    },
    freeNames,
  }
}

/** The whole file as text. `problem` completes "NAME …". */
export function readTextFile(path: string): { value: string } | { problem: string } {
  try {
    const file = statSync(path)
    if (!file.isFile()) return { problem: 'names something that is not a file' }
    if (file.size > MAX_FILE_BYTES) return { problem: `names a file of more than ${MAX_FILE_BYTES} bytes` }
    return { value: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOENT') return { problem: 'names a file that does not exist' }
    if (code === 'EACCES') return { problem: 'names a file that this user may not read' }
    return { problem: code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'names a file that is not UTF-8 text' : 'names a file that cannot be read' }
  }
}
