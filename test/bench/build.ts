// Compiles the bench's processes to plain JavaScript, so that no loader affects a measured process.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const OUT = join(PROJECT, 'test/bench/results/build')

/** Returns a function that gives the path of a compiled bench file by its name without extension. Throws the compiler's output if one is missing. */
export function buildBench(files: readonly string[]): (name: string) => string {
  rmSync(OUT, { recursive: true, force: true })
  const options = ['--outDir', OUT, '--rootDir', PROJECT, '--target', 'es2023', '--module', 'nodenext', '--types', 'node', '--skipLibCheck', '--noCheck', '--ignoreConfig']
  const run = spawnSync(process.execPath, [join(PROJECT, 'node_modules/typescript/bin/tsc'), ...options, ...files.map((name) => join(PROJECT, `test/bench/${name}.ts`))], {
    encoding: 'utf8',
  })
  const path = (name: string): string => join(OUT, `test/bench/${name}.js`)
  const missing = files.filter((name) => !existsSync(path(name)))
  if (missing.length > 0) throw new Error(`cannot compile ${missing.join(', ')}:\n${run.stdout}${run.stderr}`)
  return path
}
