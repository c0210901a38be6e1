// What makes a tool unusable as it is configured: every mistake at once, by entry.
import { expect, it } from 'vitest'
import type { ToolEntry } from '../../src/config/config.js'
import { Secret } from '../../src/config/secret.js'
import { checkTools } from '../../src/tools/check.js'

const entries: readonly (readonly [ToolEntry, ...says: string[]])[] = [
  [{ name: 'echo' }],
  [{ name: 'echo' }, 'has a name that an earlier entry has: give each tool and MCP server its own'],
  [{ name: 'no spaces' }, 'name must be 1 to 64 letters, digits, - or _'],
  [{ name: 'x'.repeat(64) }],
  [{ name: 'x'.repeat(65) }, 'name must be 1 to 64 letters, digits, - or _'],
  [{ name: 'long', description: 'x'.repeat(4096) }],
  [{ name: 'longer', description: 'x'.repeat(4097) }, 'description is longer than 4096 characters'],
  [{ name: 'schema', parameters: { type: 'object', properties: { a: { type: 'nonsense' } } } }, 'parameters is not a usable JSON schema: '],
  [{ name: 'list', parameters: { type: 'array' } }, 'parameters is not a usable JSON schema: the type of parameters must be "object"'],
  [{ label: 'docs' }],
  [{ label: 'two__parts' }, 'server_label must be'],
  [{ label: '_docs' }, 'server_label must be'],
  [{ label: 'docs_' }, 'server_label must be'],
  [{ label: 'x'.repeat(33) }, 'server_label must be'],
  [{ name: 'docs__search' }, 'name begins with docs__'],
  [{ name: 'docs_search' }],
  [{ name: 'docs' }, 'has a name that an earlier entry has'],
  [{ name: 'no__', description: 'x'.repeat(4097), parameters: { type: 'array' } }, 'description is longer', 'parameters is not'],
  // Nothing of it could be read.
  [{}],
  [{}],
]

it('names every mistake of every entry', () => {
  const found = checkTools(entries.map(([entry]) => entry))
  for (const [index, [, ...says]] of entries.entries()) {
    const problems = found.filter((mistake) => mistake.entry === index).map((mistake) => mistake.problem)
    expect(problems, `entry ${index}`).toEqual(says.map((start) => expect.stringMatching(new RegExp(`^${start}`))))
  }
})

it.each<[string, string, readonly string[] | undefined, readonly string[]]>([
  ['what it needs is required', 'https://h/{id}/{kind}', ['id', 'kind'], []],
  ['what it needs is optional', 'https://h/{id}/{kind}?q={q}', ['kind', 'q'], ['id']],
  ['nothing is required', 'https://h/a-{id}', [], ['id']],
  ['nothing is said', 'https://h/{id}', undefined, []],
  ['only a query needs it', 'https://h/?q={id}', [], []],
])('a path: %s', (_what, url, required, missing) => {
  const http = { method: 'GET' as const, url, headers: {}, timeoutMs: undefined, idempotent: false, denyPrivateAddresses: false }
  const parameters = { type: 'object', properties: { id: {}, kind: {}, q: {} }, ...(required && { required: [...required] }) }
  expect(checkTools([{ name: 'a', parameters, http }])).toEqual(
    missing.map((name) => ({ entry: 0, problem: `run http url: {${name}} stands in the path, which cannot do without it: name it in "required" of the parameters` })),
  )
})

it.each<[string, boolean]>([
  ['{{claims.team}} {id}', false],
  ['{"a":{"b":"{id}"}}', false],
  ['{{keys}}', false],
  ['{{subject}}', true],
  ['{{id}}', true],
  ['{{claims}} {{claims.x y}}', true],
  ['{{claims.team}', true],
])('a header with %s is a mistake: %s', (value, wrong) => {
  const http = { method: 'GET' as const, url: 'https://h/', headers: { 'x-a': new Secret(value) }, timeoutMs: undefined, idempotent: false, denyPrivateAddresses: false }
  const problems = checkTools([{ name: 'a', parameters: { type: 'object', properties: { id: {} } }, http }]).map(({ problem }) => problem)
  expect(problems.includes('run http header x-a: two braces that are not {{claims.name}} or {{keys}}')).toBe(wrong)
})

it('judges a template by the parameters of its tool, and only if it was read', () => {
  const http = { method: 'GET' as const, url: 'https://{host}/{id}', headers: {}, timeoutMs: undefined, idempotent: false, denyPrivateAddresses: false }
  expect(checkTools([{ name: 'a' }, { name: 'b', parameters: { type: 'object', properties: { id: {} } }, http }])).toEqual([
    { entry: 1, problem: 'run http url: scheme, host and port are fixed: no {argument} and no user name there' },
  ])
})
