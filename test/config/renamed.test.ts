// Settings with a new name: the old one works until its version, says what it is called now, and never wins a quarrel with the new one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/config-error.js'
import { configWarnings, describeConfig } from '../../src/config/describe.js'
import { createProblemList } from '../../src/config/environment.js'
import { loadAuthConfig, loadConfig, loadRedisConfig, processEnvironment } from '../../src/config/load.js'
import { RENAMED, type Renamed, withNewNames } from '../../src/config/renamed.js'
import { VARIABLES } from '../../src/config/variables.js'
import { VERSION } from '../../src/config/version.js'
import { checkTools } from '../../src/tools/check.js'

const folder = mkdtempSync(join(tmpdir(), 'renamed-'))
afterAll(() => rmSync(folder, { recursive: true }))

const TABLE: readonly Renamed[] = [
  { from: 'LISTEN_PORT', to: 'PORT', since: '99.1.0', until: '99.3.0' },
  { from: 'JWT_KEY', to: 'JWT_SECRET', since: '99.1.0', until: '99.3.0' },
]
const secret = 'a-shared-secret-of-more-than-32-bytes'
const least = { AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'voice' }
const load = (env: Record<string, string>) => loadConfig(checkTools, { ...least, ...env }, { mode: 'serve', cwd: folder, renamed: TABLE })
const named = (env: Record<string, string>, version = '99.2.0') => {
  const problems = createProblemList()
  return { ...withNewNames(env, problems, TABLE, version), problems: problems.found }
}

function mistakes(env: Record<string, string>): readonly string[] {
  try {
    load(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

describe('an old name', () => {
  it('is read as the new one, and the start says what to do', () => {
    const config = load({ LISTEN_PORT: '8123', JWT_KEY: secret })
    expect(config.port).toBe(8123)
    expect(configWarnings(config).slice(0, 2)).toEqual([
      'LISTEN_PORT is the old name of PORT: rename it. Version 99.3.0 does not read it any more',
      'JWT_KEY is the old name of JWT_SECRET: rename it. Version 99.3.0 does not read it any more',
    ])
    expect(describeConfig(config)).toContainEqual(['renamed LISTEN_PORT', 'read as PORT, until version 99.3.0'])
    expect(JSON.stringify([configWarnings(config), describeConfig(config)])).not.toContain(secret)
  })

  it('says nothing where only new names are used', () => {
    const config = load({ PORT: '8123', JWT_SECRET: secret })
    expect(config.renamed).toEqual([])
    expect(configWarnings(config).join()).not.toContain('old name')
  })

  it('may be given as a file, if its setting may', () => {
    writeFileSync(join(folder, 'key'), `${secret}\n`)
    const config = load({ JWT_KEY_FILE: 'key' })
    expect(config.renamed).toEqual([{ from: 'JWT_KEY_FILE', to: 'JWT_SECRET_FILE', until: '99.3.0' }])
    expect(mistakes({ JWT_SECRET: secret, LISTEN_PORT_FILE: 'key' })).toEqual([])
    expect(load({ JWT_SECRET: secret, LISTEN_PORT_FILE: 'key' }).port).toBe(8080)
  })

  it('is checked as the new one, under which a mistake is told', () => {
    expect(mistakes({ LISTEN_PORT: 'many', JWT_KEY: secret })).toEqual([expect.stringMatching(/^PORT must be/)])
  })

  it('that is empty counts as unset', () => {
    expect(named({ LISTEN_PORT: ' ', PORT: '1' })).toMatchObject({ inUse: [], problems: [], environment: { PORT: '1' } })
  })
})

describe('both names', () => {
  it('with one value are read, and the old one is told', () => {
    expect(load({ PORT: '8123', LISTEN_PORT: '8123', JWT_SECRET: secret })).toMatchObject({ port: 8123, renamed: [{ from: 'LISTEN_PORT' }] })
  })

  it.each([
    ['values that differ', { PORT: '1', LISTEN_PORT: '2', JWT_SECRET: secret }, 'LISTEN_PORT and PORT are both set and differ: LISTEN_PORT is the old name of PORT, so remove it'],
    [
      'a value and a file',
      { JWT_SECRET: secret, JWT_KEY_FILE: 'key' },
      'JWT_KEY_FILE and JWT_SECRET are both set and differ: JWT_KEY_FILE is the old name of JWT_SECRET_FILE, so remove it',
    ],
    ['a file and a value', { JWT_SECRET_FILE: 'key', JWT_KEY: secret }, 'JWT_KEY and JWT_SECRET_FILE are both set and differ: JWT_KEY is the old name of JWT_SECRET, so remove it'],
  ])('with %s are a mistake, without a value in it', (_, env, says) => {
    const found = mistakes(env)
    expect(found).toContain(says)
    expect(found.join()).not.toContain(secret)
  })
})

describe('the version that ends it', () => {
  it.each(['99.2.9', '99.3.0-rc.1', 'unknown', '98.10.0', '99.3', '100.0.0'])('%s', (version) => {
    const ended = ['99.3.0-rc.1', '99.3', '100.0.0'].includes(version)
    const { problems, environment } = named({ LISTEN_PORT: '8123' }, version)
    expect(problems).toEqual(ended ? ['LISTEN_PORT is not read any more: since version 99.1.0 its name is PORT'] : [])
    expect(environment).toEqual(ended ? {} : { PORT: '8123' })
  })
})

describe('this version', () => {
  it('has a table of names that are none of today’s, in versions with a minor one between', () => {
    for (const { from, to, since, until } of RENAMED) {
      expect(Object.hasOwn(VARIABLES, from), from).toBe(false)
      expect(Object.hasOwn(VARIABLES, to), to).toBe(true)
      const [[major, minor], [endMajor, endMinor]] = [since, until].map((one) => one.split('.').map(Number)) as [[number, number], [number, number]]
      expect(endMajor > major || endMinor >= minor + 2, `${from}: ${since} to ${until}`).toBe(true)
    }
    expect(VERSION).toMatch(/^\d+\.\d+\.\d+/)
  })

  it('reads the environment by it wherever it is read', () => {
    expect(loadAuthConfig({ JWT_SECRET: secret }, folder).key.kind).toBe('secret')
    expect(loadRedisConfig({ REDIS_URL: 'redis://127.0.0.1' }, folder)?.url).toBeDefined()
    expect(processEnvironment().PATH).toBe(process.env.PATH)
  })
})
