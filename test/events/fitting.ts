// Compiles events as literals of the published types, and says which do not fit, and why. One run of the compiler for all of them.
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

export interface Candidate {
  /** Where the event is from; several may have the same. */
  readonly from: string
  /** The name of a type of `src/events/events.ts`. */
  readonly type: string
  readonly event: unknown
}

/** For each candidate that its type refuses: where it is from, and the compiler's first words. A literal also fails for a field that its type lacks. */
export async function misfits(candidates: readonly Candidate[]): Promise<readonly { readonly from: string; readonly why: string }[]> {
  const types = [...new Set(candidates.map(({ type }) => type))].sort()
  const lines = [
    `import type { ${types.join(', ')} } from ${JSON.stringify(`${PROJECT}src/events/events.js`)}`,
    ...candidates.map(({ type, event }, index) => `export const e${index}: ${type} = ${JSON.stringify(event)}`),
  ]
  const output = await compile(lines.join('\n'))
  return [...output.matchAll(/^events\.ts\((\d+),\d+\): (.*(?:\n .*)*)/gm)].map(([, line, why]) => {
    const from = candidates[Number(line) - 2]?.from
    if (from === undefined) throw new Error(why)
    return { from, why: why ?? '' }
  })
}

/** What the compiler says about a source file that stands alone. */
export async function compile(source: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'events-'))
  try {
    await writeFile(join(folder, 'events.ts'), source)
    const options = { strict: true, exactOptionalPropertyTypes: true, noEmit: true, target: 'ES2023', module: 'NodeNext', skipLibCheck: true, types: [] }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['events.ts'] }))
    return await new Promise((resolve) => {
      execFile(process.execPath, [join(PROJECT, 'node_modules/typescript/bin/tsc'), '-p', '.', '--pretty', 'false'], { cwd: folder, maxBuffer: 64 * 1024 * 1024 }, (_, output) =>
        resolve(output),
      )
    })
  } finally {
    await rm(folder, { recursive: true })
  }
}
