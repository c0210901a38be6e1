// Settings that have another name than they had: the old name is read until a version that the table says, and whoever uses it is told.
import type { Environment, Problems } from './environment.js'
import { VARIABLES, type VariableName } from './variables.js'
import { VERSION } from './version.js'

export interface Renamed {
  readonly from: string
  readonly to: VariableName
  /** The version that brought the new name. */
  readonly since: string
  /** The first version that does not read the old name, but says what it is called now. At least two minor versions after `since`. */
  readonly until: string
}

/** A setting that is given by its old name, or the file that holds it. */
export interface RenamedInUse {
  readonly from: string
  readonly to: string
  readonly until: string
}

/** No name has been changed by now. The tables of the documents are made from this one. */
export const RENAMED: readonly Renamed[] = []

export interface NewNames {
  /** As if every old name were written as the new one. */
  readonly environment: Environment
  readonly inUse: readonly RenamedInUse[]
}

/** Never quotes a value, which may be a secret. `NAME_FILE` follows its variable. */
export function withNewNames(environment: Environment, problems: Problems, table: readonly Renamed[] = RENAMED, version: string = VERSION): NewNames {
  const given = (name: string) => (environment[name] ?? '').trim() !== ''
  const changed: Record<string, string | undefined> = { ...environment }
  const inUse: RenamedInUse[] = []
  for (const { from, to, since, until } of table) {
    const forms: readonly (readonly [old: string, name: string])[] = [[from, to], ...(VARIABLES[to].file ? [[`${from}_FILE`, `${to}_FILE`] as const] : [])]
    for (const [old, name] of forms) {
      if (!given(old)) continue
      delete changed[old]
      const set = forms.map(([, one]) => one).find(given)
      if (isReached(version, until)) problems.add(old, `is not read any more: since version ${since} its name is ${name}`)
      else if (set !== undefined && (set !== name || environment[set] !== environment[old]))
        problems.add(old, `and ${set} are both set and differ: ${old} is the old name of ${name}, so remove it`)
      else {
        changed[name] = environment[old]
        inUse.push({ from: old, to: name, until })
      }
    }
  }
  return { environment: changed, inUse }
}

export function renamedSentence({ from, to, until }: RenamedInUse): string {
  return `${from} is the old name of ${to}: rename it. Version ${until} does not read it any more`
}

/** Whether `version` is `other` or later. Numbers between dots; what follows a hyphen does not count. */
function isReached(version: string, other: string): boolean {
  const parts = (text: string) => (text.split('-', 1)[0] ?? '').split('.').map(Number)
  const [mine, theirs] = [parts(version), parts(other)]
  for (const [index, wanted] of theirs.entries()) if ((mine[index] ?? 0) !== wanted) return (mine[index] ?? 0) > wanted
  return true
}
