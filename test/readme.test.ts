// The documents say what the code does: each generated table is the one the code makes, in one document, and README shows the two commands.
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { variableNames } from '../src/config/variables.js'
import { CLIENT_RULE_SAYS, CLIENT_RULES } from '../src/core/policy/client-rules.js'
import { SERVER_RULE_SAYS, SERVER_RULES } from '../src/core/policy/server-rules.js'
import { DOCUMENTS, readDocument } from './docs/documents.js'
import { between, GENERATED } from './docs/tables.js'
import { THEMES } from './docs/themes.js'

/** A newcomer's one page: it grows by links, not by tables. */
const MOST_BYTES = 12_288

describe('README.md', () => {
  const text = readDocument('README.md')

  it('shows the two commands', () => {
    expect(text).toContain('npm ci && npm run demo')
    expect(text).toContain('npm ci && npm test')
  })

  it('is short', () => {
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MOST_BYTES)
  })
})

describe('test/README.md', () => {
  it('has a row for every folder, and for no other', () => {
    const folders = readdirSync(import.meta.dirname, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() && entry.name !== 'support' ? [entry.name] : []))
    const rows = [...readDocument('test/README.md').matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name)
    expect(rows).toEqual(folders.sort())
  })
})

const tables = Object.entries(GENERATED).flatMap(([file, made]) => Object.entries(made).map(([name, make]) => ({ file, name, make })))

/** `npm run docs` writes them anew. */
describe('generated tables', () => {
  it.each(tables)('$file has the current table of $name', ({ file, name, make }) => {
    expect(between(name).exec(readDocument(file))?.[0]).toBe(`<!-- ${name} -->\n${make()}\n<!-- /${name} -->`)
  })

  it.each(tables)('$name stands in $file alone', ({ file, name }) => {
    expect(DOCUMENTS.filter((path) => readDocument(path).includes(`<!-- ${name} -->`))).toEqual([file])
  })

  it('have every setting under one heading', () => {
    expect(Object.values<readonly string[]>(THEMES).flat().sort()).toEqual([...variableNames].sort())
  })

  it('have words for every policy row, and for no other', () => {
    expect(Object.keys(CLIENT_RULE_SAYS).sort()).toEqual(Object.keys(CLIENT_RULES).sort())
    expect(Object.keys(SERVER_RULE_SAYS).sort()).toEqual(Object.keys(SERVER_RULES).sort())
  })
})
