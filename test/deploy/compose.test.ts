// Docker Compose: every container is locked down, the relay gets every variable, and time to drain.
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import { VARIABLES, variableNames } from '../../src/config/variables.js'
import { checkTools } from '../../src/tools/check.js'
import { missing, readYaml } from './yaml.js'

interface Service {
  readonly image: string
  readonly user: string
  readonly read_only: boolean
  readonly cap_drop: readonly string[]
  readonly security_opt: readonly string[]
  readonly environment?: readonly string[]
  readonly healthcheck: { readonly test?: readonly string[]; readonly disable?: boolean }
  readonly profiles?: readonly string[]
  readonly network_mode?: string
  readonly mem_limit: string
  readonly pids_limit: number
  readonly stop_grace_period?: string
  readonly command?: readonly string[]
  readonly ports?: readonly string[]
}

describe.skipIf(missing !== '')(`docker-compose.yml${missing}`, () => {
  const [file] = (missing === '' ? readYaml('docker-compose.yml') : [{ services: {} }]) as [{ services: Record<string, Service> }]
  const { relay, simulator } = file.services

  it('has relay, store and simulator', () => {
    expect(Object.keys(file.services)).toEqual(['relay', 'store', 'simulator'])
    expect(simulator?.profiles).toEqual(['simulator'])
    expect(relay?.profiles).toBeUndefined()
  })

  it.each(Object.entries(file.services))('%s is locked down', (_, service) => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] })
    expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
    expect(service.image).toMatch(/:[\w.-]+$/)
    expect(service.image).not.toMatch(/:latest$/)
    expect(service.mem_limit).toBeDefined()
    expect(service.pids_limit).toBeGreaterThan(0)
    expect(service.healthcheck.test ?? service.healthcheck.disable).toBeDefined()
  })

  it('passes every variable on to the relay', () => {
    const passed = new Set(relay?.environment?.map((entry) => entry.split('=')[0]))
    const names = variableNames.flatMap((name) => (VARIABLES[name].file ? [name, `${name}_FILE`] : [name]))
    expect(names.filter((name) => !passed.has(name) && !(name === 'REDIS_URL_FILE'))).toEqual([])
    // Node's own.
    expect([...passed].filter((name) => !names.includes(name ?? ''))).toEqual(['NODE_EXTRA_CA_CERTS'])
  })

  it('gives a drain its time, and metrics to this machine only', () => {
    expect(Number.parseInt(relay?.stop_grace_period ?? '0', 10)).toBeGreaterThan(Number(VARIABLES.DRAIN_SECONDS.default))
    expect(relay?.ports?.filter((port) => port.endsWith(':9090'))).toEqual([expect.stringMatching(/^127\.0\.0\.1:/)])
  })

  it('runs the simulator where the relay may reach it over plain http', () => {
    expect(simulator?.network_mode).toBe('service:relay')
    const flag = (name: string) => simulator?.command?.[simulator.command.indexOf(name) + 1] ?? ''
    const env = { AZURE_OPENAI_ENDPOINT: `http://localhost:${flag('--port')}`, AZURE_OPENAI_DEPLOYMENT: flag('--deployment'), AZURE_OPENAI_API_KEY: flag('--api-key') }
    const config = loadConfig(checkTools, { ...env, JWT_SECRET: 'x'.repeat(32) }, { mode: 'serve', cwd: import.meta.dirname })
    expect(config.upstreams[0]).toMatchObject({ endpoint: new URL('http://localhost:9100'), deployment: 'simulated' })
  })
})
