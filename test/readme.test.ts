// The README says what the code does: its tables are those the code makes, and the two commands are there.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { README_TABLES } from './support/readme-tables.js'

const path = join(import.meta.dirname, '../README.md')
const between = (name: string) => new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(\\n<!-- /${name} -->)`)

/** `UPDATE_README=1 npx vitest run test/readme.test.ts` writes the tables anew. */
if (process.env.UPDATE_README) {
  let text = readFileSync(path, 'utf8')
  for (const [name, make] of Object.entries(README_TABLES)) text = text.replace(between(name), (_all, open: string, close: string) => open + make() + close)
  writeFileSync(path, text)
}

describe('README.md', () => {
  const text = readFileSync(path, 'utf8')
  it.each(Object.keys(README_TABLES))('has the current table of %s', (name) => {
    expect(between(name).exec(text)?.[0]).toBe(`<!-- ${name} -->\n${README_TABLES[name]?.()}\n<!-- /${name} -->`)
  })

  it('shows the two commands', () => {
    expect(text).toContain('npm ci && npm run demo')
    expect(text).toContain('npm ci && npm test')
  })

  it('links to files that exist', () => {
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) expect(() => readFileSync(join(import.meta.dirname, '..', target)), target).not.toThrow()
  })
})
