// The run-book stays true: every refusal code is explained, every metric it names exists, every file it points at is there.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { VARIABLES, variableNames } from '../../src/config/variables.js'
import { refusalCodes, refusalEntry } from '../../src/core/protocol/errors.js'
import { createMetrics } from '../../src/ops/metrics.js'

const root = join(import.meta.dirname, '../..')
const text = readFileSync(join(root, 'deploy/README.md'), 'utf8')

describe('deploy/README.md', () => {
  it.each(refusalCodes().map((code) => [code]))('explains %s with its codes', (code) => {
    const row = text.split('\n').find((line) => line.startsWith(`| \`${code}\` |`)) ?? ''
    const [, , codes = ''] = row.split('|').map((cell) => cell.trim())
    const [status, close] = codes.split(' / ')
    const entry = refusalEntry(code)
    expect([String(entry.httpStatus), '–']).toContain(status)
    expect([String(entry.closeCode), '–']).toContain(close)
    expect(row).not.toBe('')
  })

  it('names only metrics that exist', async () => {
    // Those that other parts add where they are used are read from their source.
    const added = ['src/server/server.ts', 'src/server/warm-upstreams.ts', 'src/ops/health.ts'].map((path) => readFileSync(join(root, path), 'utf8')).join('\n')
    const known = `${await createMetrics().text()}\n${added}`
    const named = new Set(text.match(/\b(relay|nodejs)_[a-z0-9_]*[a-z0-9]\b/g))
    expect(named.size).toBeGreaterThan(15)
    for (const name of named) expect(known, name).toContain(name.replace(/_bucket$/, ''))
  })

  it('points at files that exist', () => {
    const paths = [...text.matchAll(/`((?:src|test|deploy)\/[\w./-]+|kubernetes\/[\w./-]+|Dockerfile|docker-compose\.yml)`/g)].map(([, path]) => path ?? '')
    expect(paths.length).toBeGreaterThan(50)
    for (const path of new Set(paths)) expect(existsSync(join(root, path.startsWith('kubernetes/') ? `deploy/${path}` : path)), path).toBe(true)
  })

  it('names only variables that exist', () => {
    const known = new Set<string>([...variableNames, ...variableNames.filter((name) => VARIABLES[name].file).map((name) => `${name}_FILE`)])
    const others = ['AZURE_CLIENT_ID', 'RELAY_CONFIG_DIR', 'ORDERS_KEY', 'NODE_IMAGE', 'RUNTIME_IMAGE']
    const named = new Set([...text.matchAll(/`\$?\{?([A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9])\b/g)].map(([, name]) => name ?? ''))
    expect(named.size).toBeGreaterThan(20)
    expect([...named].filter((name) => !known.has(name) && !others.includes(name))).toEqual([])
  })
})
