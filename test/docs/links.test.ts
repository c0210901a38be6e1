// Every document leads somewhere: its links, their anchors, the paths it names, and the words that only this project's own files could explain.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { anchorsOf, DOCUMENTS, filesIn, proseOf, ROOT, readDocument } from './documents.js'

const SOURCES = ['src', 'test'].flatMap(filesIn)
/** A longer line is hard to read and to compare; a table's row has no choice. */
const LONGEST_LINE = 220

describe('the documents', () => {
  it('are found', () => {
    expect(DOCUMENTS).toContain('README.md')
    expect(DOCUMENTS).toContain('src/core/policy/README.md')
    expect(DOCUMENTS.length).toBeGreaterThan(15)
  })

  it('can each be reached from README.md', () => {
    const reached = new Set<string>()
    const visit = (path: string) => {
      if (reached.has(path) || !DOCUMENTS.includes(path)) return
      reached.add(path)
      for (const { target } of linksOf(path)) visit(target)
    }
    visit('README.md')
    expect(DOCUMENTS.filter((path) => !reached.has(path))).toEqual([])
  })

  it('make anchors as GitHub does', () => {
    expect([...anchorsOf('# A `b` & [c](d) …?\n## A b  c\n# A b  c\n```\n# not\n```\n')]).toEqual(['a-b--c-', 'a-b--c', 'a-b--c-1'])
  })
})

describe.each(DOCUMENTS)('%s', (path) => {
  const text = readDocument(path)
  const prose = proseOf(text)
  /** An app is copied: its page speaks of its own files and scripts. */
  const home = join(ROOT, /^test\/apps\/\w+\//.exec(path)?.[0] ?? '')

  it('links to files and headings that exist', () => {
    for (const { target, anchor, written } of linksOf(path)) {
      expect(existsSync(join(ROOT, target)), written).toBe(true)
      if (anchor !== undefined) expect(anchorsOf(readFileSync(join(ROOT, target), 'utf8')), written).toContain(anchor)
    }
  })

  it('names files that exist', () => {
    const named = [...prose.matchAll(/`((?:src|test|deploy|kubernetes)\/[\w./*-]*|Dockerfile|docker-compose\.yml|\.ci\/run)`/g)].map(([, name]) => name ?? '')
    const missing = named.filter((name) => !existsSync(join(home, name.startsWith('kubernetes/') ? `deploy/${name}` : name)))
    expect(missing).toEqual([])
  })

  it('names source files that exist, by any part of their path', () => {
    const named = [...prose.matchAll(/`([\w-][\w./-]*\.ts)`/g)].map(([, name]) => name ?? '')
    expect(named.filter((name) => !SOURCES.some((file) => `/${file}`.endsWith(`/${name}`)))).toEqual([])
  })

  it('names only scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(home, existsSync(join(home, 'package.json')) ? '' : '../../..', 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    for (const [, name = ''] of text.matchAll(/npm run (?:-s )?([\w:]+)/g)) expect(Object.keys(scripts)).toContain(name)
  })

  it('is for any reader: no paths of one machine, no private registry, no source that others lack', () => {
    expect(text).not.toMatch(/\/work\/|\/root\/|\/home\/|dossier/i)
    expect(text).not.toMatch(/https?:\/\/[\w.-]*registry/)
  })

  it('has lines that can be read', () => {
    const long = prose.split('\n').filter((line) => line.replace(/\]\([^)]*\)/g, ']').length > LONGEST_LINE && !line.startsWith('|'))
    expect(long).toEqual([])
  })
})

interface WrittenLink {
  /** From the project root. */
  readonly target: string
  readonly anchor: string | undefined
  readonly written: string
}

/** Links to files of the project and to headings, from the project root. */
function linksOf(path: string): readonly WrittenLink[] {
  return [...proseOf(readDocument(path)).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, written = '']) => {
    const [file = '', anchor] = written.split('#')
    return { target: file === '' ? path : normalize(join(dirname(path), file)).replaceAll('\\', '/'), anchor, written }
  })
}
