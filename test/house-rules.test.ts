// House rules that lint cannot check: file sizes, first lines, names, and tests that are switched off.
import { describe, expect, it } from 'vitest'
import { linesWith, type SourceFile, sourceFiles } from './support/source-files.js'

const FILES = sourceFiles('src')
const TESTS = sourceFiles('test').filter((file) => !file.path.endsWith('.config.ts'))

describe('house rules', () => {
  it('no file has more than 260 lines', () => {
    expect(FILES.filter((file) => file.text.split('\n').length > 261).map((file) => `${file.path}: ${file.text.split('\n').length - 1}`)).toEqual([])
  })

  it('the first line of every file is a comment that says what the file does', () => {
    const wrong = [...FILES, ...TESTS].filter((file) => !/^(#!.*\n)?\/\/ \S.{10,}/.test(file.text) || /^\/\/ (TODO|eslint|biome)/.test(file.text))
    expect(wrong.map((file) => file.path)).toEqual([])
  })

  it('no decorator, no base class but Error', () => {
    expect(linesWith(FILES, /^\s*@\w+/)).toEqual([])
    expect(linesWith(FILES, /\bclass \w+(<[^>]*>)? extends (?!Error\b)\w+/)).toEqual([])
  })

  it('no file has a catch-all name', () => {
    const names = /\/(utils?|helpers?|types?|index|common|misc|shared|constants|base)\.ts$/
    expect([...FILES, ...TESTS].filter((file) => names.test(file.path) && file.path !== 'test/support/shared.ts').map((file) => file.path)).toEqual([])
  })

  it('no file says that it is unfinished', () => {
    const words = /\b(TODO|FIXME|XXX|HACK|stub|placeholder|for now)\b/
    expect(FILES.flatMap((file) => (words.test(file.text) ? [`${file.path}: ${words.exec(file.text)?.[0]}`] : []))).toEqual([])
  })

  it('no test runs alone, and none is skipped without a reason in its title', () => {
    expect(linesWith(TESTS, /\b(it|test|describe)\.(only|skip|todo|fails)\(/)).toEqual([])
    const conditional = TESTS.flatMap((file) => [...file.code.matchAll(/\.(skipIf|runIf)\(/g)].map((found) => ({ path: file.path, title: titleAfter(file, found.index) })))
    expect(conditional.filter(({ title }) => !/skipped|\$\{/.test(title))).toEqual([])
  })
})

/** The title in `it.skipIf(condition)(title, …)`, also if `.each(table)` stands between. */
function titleAfter(file: SourceFile, from: number): string {
  let at = file.code.indexOf('(', from)
  do {
    at = file.code.indexOf('(', at) + 1
    for (let depth = 1; depth > 0 && at < file.code.length; at++) depth += file.code[at] === '(' ? 1 : file.code[at] === ')' ? -1 : 0
  } while (file.code.startsWith('.each(', at))
  return /^\(\s*(['"`][^\n]*)/.exec(file.text.slice(at))?.[1] ?? ''
}
