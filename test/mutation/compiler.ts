// Tells which mutants the type checker refuses. They never reach a test: `npm run lint` has stopped them.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Candidate, mutated } from './targets.js'

/** The numbers of those that do not compile. `folder` gets a copy of the sources. */
export async function refusedByCompiler(root: string, folder: string, numbers: readonly number[], everything: readonly Candidate[]): Promise<ReadonlySet<number>> {
  const project = join(folder, 'compiled')
  mkdirSync(project)
  cpSync(join(root, 'src'), join(project, 'src'), { recursive: true })
  for (const name of ['tsconfig.json', 'package.json']) cpSync(join(root, name), join(project, name))
  writeFileSync(join(project, 'tsconfig.one.json'), JSON.stringify({ extends: './tsconfig.json', include: ['src'], exclude: ['src/browser', 'src/console', 'src/operator'] }))
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'), 'dir')

  const refused = new Set<number>()
  const left = new Map<string, number[]>()
  for (const number of numbers) {
    const { file } = everything[number] as Candidate
    left.set(file, [...(left.get(file) ?? []), number])
  }
  // One of each file at a time: a mistake at the very line of a mutant is that mutant's.
  while (left.size > 0) {
    const round = [...left].map(([file, some]) => ({ file, number: some.shift() as number }))
    for (const { file, number } of round) writeFileSync(join(project, file), mutated(everything[number] as Candidate))
    const mistakes = await check(project)
    for (const { file, number } of round) {
      const { source, mutant } = everything[number] as Candidate
      const lineOf = (at: number) => source.slice(0, at).split('\n').length
      if (mistakes.some((one) => one.file === file && one.line >= lineOf(mutant.start) && one.line <= lineOf(mutant.end))) refused.add(number)
      writeFileSync(join(project, file), source)
      if (left.get(file)?.length === 0) left.delete(file)
    }
  }
  return refused
}

function check(project: string): Promise<readonly { readonly file: string; readonly line: number }[]> {
  return new Promise((resolve) => {
    const compiler = join(project, 'node_modules/typescript/bin/tsc')
    execFile(process.execPath, [compiler, '-p', 'tsconfig.one.json', '--pretty', 'false'], { cwd: project, maxBuffer: 64 * 1024 * 1024 }, (_, output) => {
      resolve([...output.matchAll(/^(src\/[^(]+)\((\d+),\d+\): error/gm)].map(([, file = '', line]) => ({ file, line: Number(line) })))
    })
  })
}
