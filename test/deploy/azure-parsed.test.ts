// deploy/azure, as two parsers read it: without a mistake of syntax, and consistent from file to file.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FOLDER, missingParsers, parse, TEXTS, type Tree } from './bicep.js'

describe.skipIf(missingParsers !== '')(`deploy/azure, parsed${missingParsers}`, () => {
  const main = TEXTS['main.bicep'] ?? ''
  const parsed = missingParsers === '' ? parse(TEXTS) : {}
  const trees = Object.entries(parsed).map(([name, { tree }]) => [name, tree] as const)
  const treeOf = (name: string): Tree => parsed[name]?.tree ?? {}
  const describedBy = ({ decorators }: { readonly decorators: readonly { readonly type: string; readonly argument: unknown }[] }) =>
    String(decorators.find(({ type }) => type === 'description')?.argument ?? '')

  it('the parsers see what is wrong', () => {
    const broken = parse({
      a: "param x string\nresource y 'Microsoft.App/containerApps@2025-07-01' = {\n  name: x\n",
      b: 'param x string = \n',
      'c.bicepparam': "using 'x'\nparam y = [\n",
    })
    for (const { complaints } of Object.values(broken)) expect(complaints.map((one) => one.split(/[:,]/)[0])).toEqual(expect.arrayContaining(['tree-sitter', 'pycep']))
  })

  it('both parsers read every file', () => {
    expect(Object.keys(parsed)).toEqual(Object.keys(TEXTS))
    expect(Object.entries(parsed).flatMap(([name, { complaints }]) => complaints.map((one) => `${name}: ${one}`))).toEqual([])
  })

  it('describes every parameter and output, and uses every parameter', () => {
    for (const [name, tree] of trees) {
      for (const [one, declared] of Object.entries({ ...tree.parameters, ...tree.outputs })) expect(describedBy(declared), `${name}: ${one}`).toMatch(/^[A-Z].+\.$/)
      for (const one of Object.keys(tree.parameters ?? {})) expect(TEXTS[name]?.match(new RegExp(`\\b${one}\\b`, 'g'))?.length, `${name}: ${one}`).toBeGreaterThan(1)
    }
  })

  it('gives each module what it wants, and nothing else', () => {
    const modules = Object.entries(treeOf('main.bicep').modules ?? {})
    expect(modules.length).toBe(7)
    for (const [name, { detail, config }] of modules) {
      const { parameters = {}, outputs = {} } = treeOf(detail.path)
      expect(Object.keys(config.params ?? config.config?.params ?? {}).sort(), name).toEqual(Object.keys(parameters).sort())
      expect(
        Object.values(parameters).map((one) => one.default),
        'main.bicep alone has defaults',
      ).toEqual(Object.keys(parameters).map(() => null))
      for (const [, asked = ''] of main.matchAll(new RegExp(`\\b${name}!?\\.outputs\\.(\\w+)`, 'g'))) expect(Object.keys(outputs), name).toContain(asked)
    }
  })

  it('the example has every parameter without a default, and none that is unknown', () => {
    const { parameters = {} } = treeOf('main.bicep')
    const named = Object.keys(treeOf('main.bicepparam').variables ?? {})
    expect(named.filter((name) => !(name in parameters))).toEqual([])
    expect(Object.keys(parameters).filter((name) => parameters[name]?.default === null && !named.includes(name))).toEqual([])
  })

  it('names finished versions of Azure’s interfaces, one for each type', () => {
    const resources = trees.flatMap(([, tree]) => Object.values(tree.resources ?? {}))
    const versions = new Set(resources.map(({ type, api_version }) => `${type}@${api_version}`))
    expect(new Set([...versions].map((one) => one.split('@')[0])).size).toBe(versions.size)
    // Everybody uses this one, and it is still called a preview.
    expect([...versions].filter((one) => one.endsWith('-preview'))).toEqual(['Microsoft.Insights/diagnosticSettings@2021-05-01-preview'])
    for (const one of versions) expect(readFileSync(join(FOLDER, 'README.md'), 'utf8')).toContain(`\`${one}\``)
  })

  it('gives out nothing secret', () => {
    for (const [name, tree] of trees)
      for (const [one, { value }] of Object.entries(tree.outputs ?? {}))
        expect(`${name} ${one} ${JSON.stringify(value)}`).not.toMatch(/list[A-Z]\w*|password|secret(?!s\/)|key(?!Vault)/i)
  })
})
