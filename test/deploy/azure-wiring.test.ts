// deploy/azure, read as text: who gets which role where, which value goes into which parameter and setting, and what is made on which condition.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FOLDER, TEXTS } from './bicep.js'

const README = readFileSync(join(FOLDER, 'README.md'), 'utf8')
const main = TEXTS['main.bicep'] ?? ''
const app = TEXTS['modules/app.bicep'] ?? ''
const files = Object.entries(TEXTS).filter(([name]) => name.endsWith('.bicep'))
const short = (path: string) => path.replace(/^modules\/|\.bicep$/g, '')

interface Declaration {
  readonly kind: string
  readonly name: string
  readonly what: string
  readonly condition: string | undefined
  readonly body: string
}

/** Modules and resources of a file. Each begins at the margin and ends with a brace there. */
const declared = (text: string): readonly Declaration[] =>
  [...text.matchAll(/^(module|resource) (\w+) '([^'@]+)(?:@[^']+)?' (?:existing )?= (?:if \(([^\n]+)\) )?\{\n(.*?)^\}/gms)].map(
    ([, kind = '', name = '', what = '', condition, body = '']) => ({ kind, name, what, condition, body }),
  )

/** Fields of an object, one a line; throws if a line that is no comment is no field. */
const fields = (body: string, indent: number): Readonly<Record<string, string>> =>
  Object.fromEntries(
    body
      .split('\n')
      .filter((line) => line !== '' && !/^ *\/\//.test(line))
      .map((line) => {
        const [, name, value] = new RegExp(`^ {${indent}}(\\w+): (.+)$`).exec(line) ?? []
        if (name === undefined || value === undefined) throw new Error(`no field: ${line}`)
        return [name, value]
      }),
  )
const field = (body: string, name: string) => new RegExp(`^ *${name}: (.+)$`, 'm').exec(body)?.[1]
const object = (name: string) => fields(new RegExp(`^var ${name} = \\{\\n(.*?)^\\}`, 'ms').exec(app)?.[1] ?? '', 2)
const line = (begin: string) => app.split('\n').filter((one) => one.trimStart().startsWith(begin))

const modules = declared(main)
const fixed = object('fixed')

describe('deploy/azure, wired', () => {
  it('reads everything that is declared', () => {
    for (const [name, text] of files) expect(declared(text).length, name).toBe(text.match(/^(?:module|resource) /gm)?.length)
    expect(modules.map(({ kind, what }) => `${kind} ${short(what)}`)).toEqual(
      ['identity', 'openai', 'vault', 'registry', 'redis', 'environment', 'app'].map((name) => `module ${name}`),
    )
  })

  it('hands each parameter on under its own name, but for these', () => {
    const others = modules.map(({ name, body }) => {
      const params = fields(/^ {2}params: \{\n(.*?)^ {2}\}/ms.exec(body)?.[1] ?? '', 4)
      return [name, Object.fromEntries(Object.entries(params).filter(([parameter, value]) => parameter !== value))]
    })
    const principalId = 'identity.outputs.principalId'
    expect(Object.fromEntries(others)).toEqual({
      identity: { name: `'\${name}-identity'` },
      openAi: { account: 'openAiAccount', principalId },
      vault: { name: `'\${name}-\${suffix}'`, principalId },
      registry: { name: `'\${name}\${suffix}'`, principalId },
      redis: { name: `'\${name}-\${suffix}'`, sku: 'redisSku', principalId },
      runtime: {},
      app: {
        environmentId: 'runtime.outputs.id',
        registryServer: 'registry.outputs.server',
        identityId: 'identity.outputs.id',
        identityClientId: 'identity.outputs.clientId',
        vaultUri: 'vault.outputs.uri',
        openAiEndpoint: 'openAi.outputs.endpoint',
        redisUrl: "withRedis ? redis!.outputs.url : ''",
      },
    })
  })

  it('gives out of each module what the name says', () => {
    const outputs = files.map(([name, text]) => [short(name), Object.fromEntries([...text.matchAll(/^output (\w+) string = (.+)$/gm)].map(([, output, value]) => [output, value]))])
    expect(Object.fromEntries(outputs)).toEqual({
      app: { host: 'app.properties.configuration.ingress.fqdn' },
      environment: { id: 'runtime.id', workspaceId: 'workspace.properties.customerId' },
      identity: { id: 'identity.id', clientId: 'identity.properties.clientId', principalId: 'identity.properties.principalId' },
      main: {
        url: `empty(image) ? '' : 'https://\${app!.outputs.host}'`,
        registryName: 'registry.outputs.name',
        vaultName: 'vault.outputs.name',
        workspaceId: 'runtime.outputs.workspaceId',
      },
      openai: { endpoint: 'openAi.properties.endpoint' },
      redis: { url: `'rediss://\${principalId}@\${cache.properties.hostName}:\${database.properties.port}'` },
      registry: { name: 'registry.name', server: 'registry.properties.loginServer' },
      vault: { name: 'vault.name', uri: 'vault.properties.vaultUri' },
    })
  })

  it('makes everything but Redis, the app and the operator’s role on no condition', () => {
    const conditions = files.flatMap(([path, text]) => declared(text).flatMap(({ name, condition }) => (condition === undefined ? [] : [`${short(path)} ${name}: ${condition}`])))
    expect(conditions.sort()).toEqual(['main app: !empty(image)', 'main redis: withRedis', 'vault write: !empty(operatorId)'])
  })

  it('gives each role to one principal at one resource', () => {
    const assignments = files.flatMap(([path, text]) => {
      const all = declared(text)
      const roles = new Map([...text.matchAll(/^\/\/ (.+)\nvar (\w*[rR]ole) = /gm)].map(([, name, variable]) => [variable, name]))
      return all
        .filter(({ what }) => what === 'Microsoft.Authorization/roleAssignments')
        .map(({ body }) => {
          const [scope = '', principal = ''] = [field(body, 'scope'), field(body, 'principalId')]
          const variable = /^subscriptionResourceId\('Microsoft\.Authorization\/roleDefinitions', (\w+)\)$/.exec(field(body, 'roleDefinitionId') ?? '')?.[1] ?? ''
          expect(field(body, 'name'), 'a name that no other assignment has').toBe(`guid(${scope}.id, ${principal}, ${variable})`)
          return [short(path), all.find(({ kind, name }) => kind === 'resource' && name === scope)?.what, principal, roles.get(variable)]
        })
    })
    expect(assignments).toEqual([
      ['openai', 'Microsoft.CognitiveServices/accounts', 'principalId', 'Cognitive Services OpenAI User'],
      ['registry', 'Microsoft.ContainerRegistry/registries', 'principalId', 'AcrPull'],
      ['vault', 'Microsoft.KeyVault/vaults', 'principalId', 'Key Vault Secrets User'],
      ['vault', 'Microsoft.KeyVault/vaults', 'operatorId', 'Key Vault Secrets Officer'],
    ])
    const scopes = modules.flatMap(({ name, body }) => (field(body, 'scope') === undefined ? [] : [`${name}: ${field(body, 'scope')}`]))
    expect(scopes).toEqual(['openAi: resourceGroup(openAiResourceGroup)'])
    const access = declared(TEXTS['modules/redis.bicep'] ?? '').filter(({ what }) => what.endsWith('/accessPolicyAssignments'))
    expect(access.map(({ body }) => [field(body, 'accessPolicyName'), field(body, 'objectId')])).toEqual([["'default'", 'principalId']])
  })

  it('makes each setting of the parameter of that name, but for these', () => {
    const camel = (setting: string) => setting.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
    expect(Object.fromEntries(Object.entries(object('known')).filter(([setting, value]) => camel(setting) !== value))).toEqual({
      AZURE_OPENAI_ENDPOINT: 'openAiEndpoint',
      AZURE_OPENAI_DEPLOYMENT: 'openAiDeployment',
      AZURE_CLIENT_ID: 'identityClientId',
      REDIS_ENTRA: "empty(redisUrl) ? 'false' : 'true'",
      RESUME_STORE: "empty(redisUrl) ? 'memory' : 'redis'",
      ALLOWED_ORIGINS: "join(allowedOrigins, ',')",
      TRUST_PROXY: "'100.100.0.0/16,uniquelocal'",
      MAX_SESSIONS: "'200'",
    })
  })

  it('lets a deployment’s settings win over the known ones, and the fixed ones over both', () => {
    const ref = "toLower(replace(setting, '_', '-'))"
    expect(line('var plainEnvironment')).toEqual([
      'var plainEnvironment = [for setting in items(union(known, settings, fixed)): { name: setting.key, value: string(setting.value) }]',
    ])
    expect(line('var secretEnvironment')).toEqual([`var secretEnvironment = [for setting in secretSettings: { name: setting, secretRef: ${ref} }]`])
    expect(line('env:').map((one) => one.trim())).toEqual(['env: concat(plainEnvironment, secretEnvironment)'])
    expect(app).toContain(`        name: ${ref}\n        keyVaultUrl: '\${vaultUri}secrets/\${${ref}}'\n        identity: identityId\n`)
  })

  it('fixes what ingress, probes and grace time depend on, and README says so', () => {
    expect(fixed).toEqual({
      HOST: "'0.0.0.0'",
      PORT: `'${field(app, 'targetPort')}'`,
      ADMIN_HOST: "'0.0.0.0'",
      ADMIN_PORT: `'${field(app, 'port')}'`,
      DRAIN_SECONDS: 'string(drainSeconds)',
    })
    expect(new Set(line('port:').map((one) => one.trim()))).toEqual(new Set([`port: ${field(app, 'port')}`]))
    expect(line('terminationGracePeriodSeconds:').map((one) => one.trim())).toEqual(['terminationGracePeriodSeconds: drainSeconds + 15'])
    const said = README.split('\n').find((one) => one.includes('have no effect in `settings`')) ?? ''
    for (const name of Object.keys(fixed)) expect(said).toContain(`\`${name}\``)
  })

  it('is reached from outside, and scales between the two bounds by processor time', () => {
    expect(line('external:').map((one) => one.trim())).toEqual(['external: true'])
    const scale = /^ {6}scale: \{\n(.*?)^ {6}\}/ms.exec(app)?.[1] ?? ''
    expect([field(scale, 'minReplicas'), field(scale, 'maxReplicas')]).toEqual(['minReplicas', 'maxReplicas'])
    expect([...scale.matchAll(/^ *(type|value): '(.+)'$/gm)].map(([, name, value]) => [name, value])).toEqual([
      ['type', 'cpu'],
      ['type', 'Utilization'],
      ['value', '60'],
    ])
    expect(README).toContain('busy above 60 %')
  })

  it('bounds what a number may be', () => {
    const bounded = [...main.matchAll(/^((?:@.+\n)+)param (\w+) int = (\d+)$/gm)].map(([, decorators = '', name = '', value]) => [
      name,
      [...decorators.matchAll(/^@(m\w+)\((\d+)\)$/gm)].map(([, bound, limit]) => `${bound} ${limit}`),
      Number(value),
    ])
    expect(bounded).toEqual([
      ['minReplicas', ['minValue 1'], 2],
      ['maxReplicas', ['minValue 1'], 10],
      // With the 15 seconds to spare, the 600 that Azure is believed to give at most.
      ['drainSeconds', ['minValue 10', 'maxValue 585'], 25],
      ['logDays', [], 30],
    ])
  })
})
