// deploy/azure, read as text: as strict as the Kubernetes manifests, without a secret, and configured so that the relay starts.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import { parseRedisUrl } from '../../src/config/redis-url.js'
import { VARIABLES, variableNames } from '../../src/config/variables.js'
import { checkTools } from '../../src/tools/check.js'
import { FOLDER, TEXTS } from './bicep.js'
import { readYaml } from './yaml.js'

const README = readFileSync(join(FOLDER, 'README.md'), 'utf8')
const main = TEXTS['main.bicep'] ?? ''
const app = TEXTS['modules/app.bicep'] ?? ''
const example = TEXTS['main.bicepparam'] ?? ''
const all = Object.entries(TEXTS)

/** As https://learn.microsoft.com/azure/role-based-access-control/built-in-roles has them. */
const ROLES: Readonly<Record<string, string>> = {
  'Cognitive Services OpenAI User': '5e0bd9bd-7b93-4f28-af87-19fc36ad61bd',
  'Key Vault Secrets User': '4633458b-17de-408a-b874-0445c86b69e6',
  'Key Vault Secrets Officer': 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7',
  AcrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d',
}
/** Read by Azure's library, not by the relay. */
const OTHERS = ['AZURE_CLIENT_ID']
const SECRET = /(KEY|SECRET|TOKEN|PASSWORD|CONNECTION_STRING|HEADERS)$/
const GUID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g
const IDENTITY = '6497c918-11ad-41e7-1b0f-7c518a87d0b0'

/** The settings of `known` and `fixed`, by name: what stands behind the colon. */
const known = new Map(
  [...app.matchAll(/^var (?:known|fixed) = \{\n(.*?)\n\}/gms)].flatMap(([, body = '']) =>
    [...body.matchAll(/^ {2}(\w+): (.+)$/gm)].map(([, name = '', value = '']) => [name, value] as const),
  ),
)
const number = (text: string, field: string) => Number(new RegExp(`\\b${field}: (\\d+)`).exec(text)?.[1])
const defaultOf = (parameter: string) => new RegExp(`^param ${parameter} \\w+ = (.+)$`, 'm').exec(main)?.[1] ?? ''
const given = (parameter: string) => new RegExp(`^param ${parameter} = '(.*)'$`, 'm').exec(example)?.[1] ?? ''

/** What the app gets as its environment, for some parameters. */
function environment(parameters: Readonly<Record<string, string>>): Record<string, string> {
  const sampleOf = (name: string) => {
    const value = parameters[name]
    if (value === undefined) throw new Error(`no sample of ${name}`)
    return value
  }
  const evaluated = (expression: string): string => {
    const literal = /^'([^'$]*)'$/.exec(expression)
    if (literal) return literal[1] ?? ''
    const either = /^empty\((\w+)\) \? (.+) : (.+)$/.exec(expression)
    if (either) return evaluated((sampleOf(either[1] ?? '') === '' ? either[2] : either[3]) ?? '')
    const call = /^(?:string|join)\((\w+)(?:, ',')?\)$/.exec(expression)
    return sampleOf(call?.[1] ?? expression)
  }
  return Object.fromEntries([...known].map(([name, expression]) => [name, evaluated(expression)]))
}

const SAMPLE = {
  openAiEndpoint: 'https://my-resource.openai.azure.com/',
  openAiDeployment: given('openAiDeployment'),
  identityClientId: '11111111-2222-3333-4444-555555555555',
  redisUrl: `rediss://${IDENTITY}@relay-abc.swedencentral.redis.azure.net:10000`,
  jwksUrl: '',
  jwtIssuer: given('jwtIssuer'),
  jwtAudience: given('jwtAudience'),
  allowedOrigins: 'http://localhost:3000,https://app.example.com',
  instructions: given('instructions'),
  tools: '',
  drainSeconds: defaultOf('drainSeconds'),
}
const fromVault = { JWT_SECRET: 'a-secret-of-the-vault-of-32-bytes-or-more' }
const configured = (env: Readonly<Record<string, string>>) => loadConfig(checkTools, env, { mode: 'serve', cwd: FOLDER })

describe('deploy/azure', () => {
  it('is found', () => {
    expect(Object.keys(TEXTS)).toEqual(
      expect.arrayContaining([
        'main.bicep',
        'main.bicepparam',
        ...['app', 'environment', 'identity', 'openai', 'redis', 'registry', 'vault'].map((name) => `modules/${name}.bicep`),
      ]),
    )
    expect([...known.keys()].length).toBeGreaterThan(10)
  })

  it.each(all)('%s says in its first line what it makes, and is short', (_name, text) => {
    expect(text).toMatch(/^\/\/ [A-Z].{30,}\.\n/)
    expect(text.split('\n').length).toBeLessThanOrEqual(250)
  })

  it('says at once that it was never deployed', () => {
    expect(README.split('\n')[0]).toContain('never deployed')
    expect(main.split('\n')[0]).toContain('never deployed')
  })

  it('names only settings that the relay has', () => {
    expect([...known.keys()].filter((name) => !OTHERS.includes(name) && !variableNames.some((one) => one === name))).toEqual([])
    const [, more = ''] = /param settings = \{\n(.*?)\n\}/s.exec(example) ?? []
    const others = [...more.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name)
    expect(others.length).toBeGreaterThan(0)
    expect(others.filter((name) => !variableNames.some((one) => one === name))).toEqual([])
  })

  it('has every secret from the vault, and none in a setting', () => {
    const secrets = [...defaultOf('secretSettings').matchAll(/'(\w+)'/g)].map(([, name]) => name ?? '')
    expect(secrets).toEqual(['JWT_SECRET'])
    for (const name of secrets) expect(VARIABLES).toHaveProperty(name, expect.objectContaining({ file: true }))
    expect([...known.keys()].filter((name) => SECRET.test(name))).toEqual([])
    const [, block = ''] = / secrets: \[for setting in secretSettings: \{(.*?)\}\]/s.exec(app) ?? []
    expect([...block.matchAll(/^ +(\w+):/gm)].map(([, field]) => field)).toEqual(['name', 'keyVaultUrl', 'identity'])
    expect(app).toMatch(/var secretEnvironment = \[for setting in secretSettings: \{ name: setting, secretRef: /)
    expect(/keyVaultUrl: '(.*)'\n/.exec(app)?.[1], 'an address without a version').toMatch(/^\$\{vaultUri\}secrets\/\$\{[^/]+\}$/)
  })

  it.each(all)('%s holds no key and asks for none', (_name, text) => {
    expect(text).not.toMatch(/list(Keys|Credentials|Secrets|AccountSas)\s*\(|primaryKey|sharedKey|adminPassword|@secure/i)
    expect(text.match(/'[A-Za-z0-9+/=_-]{40,}'/g) ?? []).toEqual([])
  })

  it('gives roles by the right ids, and no other', () => {
    const named = all.flatMap(([, text]) => [...text.matchAll(/^\/\/ (.+)\nvar \w*[rR]ole = '([0-9a-f-]+)'$/gm)].map(([, name = '', id = '']) => [name, id] as const))
    expect(Object.fromEntries(named)).toEqual(ROLES)
    expect(all.flatMap(([, text]) => text.match(GUID) ?? []).sort()).toEqual(Object.values(ROLES).sort())
    for (const [name, id] of Object.entries(ROLES)) expect(README).toMatch(new RegExp(`^\\| ${name} \\| \`${id}\` \\|`, 'm'))
    expect(README.match(GUID)?.sort()).toEqual(Object.values(ROLES).sort())
  })

  it('lets nobody into registry and Redis by password', () => {
    expect(TEXTS['modules/registry.bicep']).toContain('adminUserEnabled: false')
    expect(TEXTS['modules/redis.bicep']).toContain("accessKeysAuthentication: 'Disabled'")
    expect(TEXTS['modules/redis.bicep']).toContain("clientProtocol: 'Encrypted'")
    expect(TEXTS['modules/redis.bicep']).toContain("evictionPolicy: 'NoEviction'")
    expect(TEXTS['modules/vault.bicep']).toContain('enableRbacAuthorization: true')
    expect(app).toContain('allowInsecure: false')
  })

  describe('as in deploy/kubernetes', () => {
    interface Probe {
      readonly httpGet: { readonly path: string; readonly port: string }
      readonly periodSeconds: number
      readonly failureThreshold: number
      readonly timeoutSeconds?: number
    }
    const [deployment] = readYaml('deploy/kubernetes/deployment.yaml') as [{ spec: { template: { spec: Pod } } }]
    interface Pod {
      readonly terminationGracePeriodSeconds: number
      readonly securityContext: { readonly runAsUser: number }
      readonly containers: readonly [
        { ports: readonly { name: string; containerPort: number }[]; startupProbe: Probe; livenessProbe: Probe; readinessProbe: Probe } & Readonly<Record<string, unknown>>,
      ]
    }
    const pod = deployment.spec.template.spec
    const [container] = pod.containers
    const [settings] = readYaml('deploy/kubernetes/configmap.yaml') as [{ data: Record<string, string> }]
    const portOf = (name: string) => container.ports.find((port) => port.name === name)?.containerPort
    const probe = (type: string) => new RegExp(`type: '${type}'.*?\\n {12}\\}`, 's').exec(app)?.[0] ?? ''

    it('ingress leads to the port of callers', () => {
      expect(number(app, 'targetPort')).toBe(portOf('http'))
      expect(String(portOf('http'))).toBe(VARIABLES.PORT.default)
      expect(app).not.toContain('additionalPortMappings')
    })

    it.each([
      ['Startup', container.startupProbe],
      ['Liveness', container.livenessProbe],
      ['Readiness', container.readinessProbe],
    ] as const)('the probe %s', (type, same) => {
      const text = probe(type)
      expect(/path: '(.+)'/.exec(text)?.[1]).toBe(same.httpGet.path)
      expect(number(text, 'port')).toBe(portOf(same.httpGet.port))
      expect(number(text, 'periodSeconds') * number(text, 'failureThreshold'), 'patience').toBe(same.periodSeconds * same.failureThreshold)
      expect(number(text, 'failureThreshold'), 'the most that Container Apps takes').toBeLessThanOrEqual(10)
      if (same.timeoutSeconds !== undefined) expect(number(text, 'timeoutSeconds')).toBe(same.timeoutSeconds)
    })

    it('drain, grace, sessions and who runs it', () => {
      const env = environment(SAMPLE)
      for (const name of ['DRAIN_SECONDS', 'MAX_SESSIONS', 'ADMIN_HOST']) expect([name, env[name]]).toEqual([name, settings.data[name]])
      expect(app).toContain('terminationGracePeriodSeconds: drainSeconds + 15\n')
      expect(Number(SAMPLE.drainSeconds) + 15).toBe(pod.terminationGracePeriodSeconds)
      expect(readFileSync(join(FOLDER, '../../Dockerfile'), 'utf8')).toMatch(new RegExp(`^USER ${pod.securityContext.runAsUser}:`, 'm'))
      const [scaler] = readYaml('deploy/kubernetes/horizontalpodautoscaler.yaml') as [{ spec: { minReplicas: number } }]
      expect(Number(defaultOf('minReplicas'))).toBe(scaler.spec.minReplicas)
    })
  })

  it('pings well within the four minutes after which the ingress drops a silent socket', () => {
    expect([...known.keys()]).not.toContain('PING_INTERVAL_SECONDS')
    expect(Number(VARIABLES.PING_INTERVAL_SECONDS.default) * 2).toBeLessThan(240)
  })

  describe('configures a relay that starts', () => {
    it('with Redis, without a password for anything', () => {
      const env = environment(SAMPLE)
      const config = configured({ ...env, ...fromVault })
      expect(config.upstreams[0]?.apiKey).toBeUndefined()
      expect(config.redis?.entra).toBe(true)
      expect(config.resume.store).toBe('redis')
      expect(config.trustProxy).toBe(env.TRUST_PROXY)
      expect(config.allowedOrigins).toHaveLength(2)
      expect(config.profiles.default?.instructions).toBe(SAMPLE.instructions)
      const form = /output url string = '(.+)'/.exec(TEXTS['modules/redis.bicep'] ?? '')?.[1]
      const url = form
        ?.replace(/\$\{principalId\}/, IDENTITY)
        .replace(/\$\{cache\.[\w.]+\}/, 'relay.region.redis.azure.net')
        .replace(/\$\{database\.[\w.]+\}/, '10000')
      expect(parseRedisUrl(url ?? '', true)).toMatchObject({ tls: true, username: IDENTITY, password: undefined, nodes: [{ port: 10000 }] })
    })

    it('without Redis', () => {
      const config = configured({ ...environment({ ...SAMPLE, redisUrl: '' }), ...fromVault })
      expect([config.redis, config.resume.store]).toEqual([undefined, 'memory'])
    })

    it('with a key set instead of a secret, and refuses both', () => {
      const env = environment({ ...SAMPLE, jwksUrl: 'https://login.microsoftonline.com/common/discovery/v2.0/keys' })
      expect(configured(env).auth.key.kind).not.toBe('secret')
      expect(() => configured({ ...env, ...fromVault })).toThrow()
    })
  })

  it('README asks only for outputs that there are', () => {
    const outputs = [...main.matchAll(/^output (\w+)/gm)].map(([, name]) => name)
    const asked = [...README.matchAll(/\(output (\w+)\)/g)].map(([, name]) => name)
    expect(new Set(asked)).toEqual(new Set(outputs))
  })
})
