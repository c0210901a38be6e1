// What the simulator's page shows is what runs: its scripts are valid, and its Python files are those that `npm run test:python` runs.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { simulateCommand } from '../../src/simulator/command.js'
import { SIMULATE_USAGE } from '../../src/simulator/command-usage.js'
import { parseScript } from '../../src/simulator/script-file.js'

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const page = readFileSync(at('src/simulator/README.md'), 'utf8')
const blocks = (language: string) => [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map((found) => found[1] ?? '')

describe('the page', () => {
  it('shows the files of the Python example', () => {
    expect(blocks('python')).toEqual(['conftest.py', 'test_assistant.py'].map((name) => readFileSync(at(`test/clients/python/${name}`), 'utf8')))
    expect(blocks('yaml')).toContain(readFileSync(at('test/clients/python/answers.yaml'), 'utf8'))
  })

  it('shows scripts that are valid', () => {
    expect(blocks('yaml')).toHaveLength(2)
    for (const block of blocks('yaml')) expect(parseScript(block, 'page').answers?.length).toBeGreaterThan(0)
  })

  it('names the libraries that are tried, at their versions', () => {
    const { dependencies } = JSON.parse(readFileSync(at('test/clients/package.json'), 'utf8')) as { dependencies: Record<string, string> }
    const node = ['openai-7', '@openai/agents-realtime', '@livekit/agents-plugin-openai'].map((name) => [
      name.replace(/-7$/, ''),
      'Node',
      dependencies[name]?.replace(/^npm:.*@/, ''),
    ])
    const python = readFileSync(at('test/clients/python/requirements-direct.txt'), 'utf8').matchAll(/^([\w-]+)(?:\[.*\])?==(\S+)$/gm)
    const told = [...page.matchAll(/^\| `([^`]+)` \| (Node|Python) \| (\S+) \|/gm)].map(([, name, runsIn, version]) => [name, runsIn, version])
    expect(told).toEqual([...node, ...[...python].map(([, name, version]) => [name, 'Python', version])])
  })

  it('names every flag, as the help does', async () => {
    const flags = [...SIMULATE_USAGE.matchAll(/--[a-z-]+/g)].map(([flag]) => flag)
    expect(flags.length).toBeGreaterThan(20)
    for (const flag of flags) expect(page, flag).toContain(flag)
    const known = await simulateCommand(['--nonsense'], () => undefined).catch((error: Error) => error.message)
    expect(known).toContain('--nonsense')
  })
})
