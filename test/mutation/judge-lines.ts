// What the processes of a mutation run tell each other, in files: a worker of Vitest has no other way that is free.

/** In a file of its own, named by `MUTATION_ORDER`. */
export interface Order {
  /** The file with what `Reach` says. Without: find it out. */
  readonly reach: string | undefined
  readonly mutants: readonly number[]
  /** Only test files whose path holds one of these parts are asked. */
  readonly tests: string
  /** Gets one `Line` of JSON after the other. */
  readonly results: string
  /** Multiplies how long a test may take. */
  readonly patience: number
}
export type Line =
  | { readonly process: number }
  | { readonly reach: Reach }
  | { readonly broken: string }
  /** Said again before each test file. */
  | { readonly begun: number }
  /** `by` is missing if no test noticed; `late` says that a test did not end. */
  | { readonly judged: number; readonly by?: string; readonly late?: boolean }
/** By test file, which tests reach which mutants. */
export interface Reach {
  readonly [file: string]: Reached
}
export interface Reached {
  /** How long each test takes. Null: it fails without a mutant if its properties are cut short, so it is left out. */
  readonly ms: readonly (number | null)[]
  readonly loadMs: number
  /** The mutants reached while the file is loaded; any of its tests may notice them. */
  readonly loading: readonly number[]
  /** The tests by mutant. */
  readonly tests: Readonly<Record<number, readonly number[]>>
}
