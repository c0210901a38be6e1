// What `npm ci` installs: nothing that warns about the oldest Node we name, and no address to download from, so that any registry serves.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const read = (name: string) => readFileSync(join(import.meta.dirname, '../..', name), 'utf8')
const manifest = JSON.parse(read('package.json')) as { engines: { node: string }; dependencies: Record<string, string>; devDependencies: Record<string, string> }
const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, { engines?: { node?: string } }> }

type Version = readonly [number, number, number]

function versionOf(text: string): Version {
  const [major = 0, minor = 0, patch = 0] = text.split('.').map((part) => Number(part) || 0)
  return [major, minor, patch]
}

const compare = (a: Version, b: Version): number => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]

/** The part of npm's ranges that `engines` use: alternatives of comparisons, carets and bare versions. */
function accepts(range: string, version: Version): boolean {
  return range.split('||').some((alternative) =>
    [...alternative.matchAll(/(>=|>|<=|<|\^|~|=)?\s*v?(\d+(?:\.(?:\d+|x|\*))*)/g)].every(([, operator = '', text = '']) => {
      const order = compare(version, versionOf(text))
      if (operator === '>=') return order >= 0
      if (operator === '>') return order > 0
      if (operator === '<=') return order <= 0
      if (operator === '<') return order < 0
      return order >= 0 && version[0] === versionOf(text)[0]
    }),
  )
}

describe('npm ci', () => {
  const oldest = versionOf(manifest.engines.node.replace('>=', ''))

  it('reads ranges as npm does', () => {
    const cases = [
      ['^18.19.0 || >=20.6.0', true],
      ['18 || 20 || >=22', true],
      ['>= 0.10', true],
      ['>=22', false],
      ['^22.13.0 || >=23.5.0', false],
      ['>=10.x', true],
      ['*', true],
    ] as const
    expect(cases.map(([range]) => [range, accepts(range, [20, 19, 0])])).toEqual(cases)
  })

  it('warns about no package on the oldest Node that package.json names', () => {
    expect(oldest).toEqual([20, 19, 0])
    const wrong = Object.entries(lock.packages).filter(([, { engines }]) => engines?.node !== undefined && !accepts(engines.node, oldest))
    expect(wrong.map(([path, { engines }]) => `${path} needs ${engines?.node}`)).toEqual([])
  })

  it('names no address', () => {
    expect(read('package-lock.json')).not.toMatch(/"resolved"|https?:\/\/[^"]*\.tgz/)
  })

  it('installs exact versions', () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) expect(version, name).toMatch(/^\d+\.\d+\.\d+$/)
  })
})
