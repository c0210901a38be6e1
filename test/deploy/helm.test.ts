// The Helm chart: its defaults are the plain manifests, every choice renders what Kubernetes takes, and wrong values are refused with their name.
import { cpSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import { VARIABLES } from '../../src/config/variables.js'
import { checkTools } from '../../src/tools/check.js'
import { againstSchemas, CHART, lint, type Manifest, missingHelm, missingSchemas, notes, objection, packaged, render } from './helm.js'
import { readYaml } from './yaml.js'

const ROOT = join(import.meta.dirname, '../..')
/** Of the operator for Prometheus, which Kubernetes' own schemas do not know. */
const FOREIGN = ['ServiceMonitor', 'PrometheusRule']

interface Pod {
  readonly terminationGracePeriodSeconds: number
  readonly volumes: readonly { readonly name: string }[]
  readonly containers: readonly [
    { readonly env?: readonly { readonly name: string; readonly value: string }[]; readonly lifecycle: object; readonly volumeMounts: readonly { readonly name: string }[] },
  ]
}

const find = (all: readonly Manifest[], kind: string, name?: string) => all.find((one) => one.kind === kind && (name === undefined || one.metadata.name === name))
const podOf = (all: readonly Manifest[]) => (find(all, 'Deployment') as unknown as { spec: { template: { spec: Pod } } }).spec.template.spec
const dataOf = (all: readonly Manifest[], name = 'realtime-relay') => (find(all, 'ConfigMap', name) as unknown as { data: Record<string, string> }).data

const EVERYTHING = {
  'tls.enabled': true,
  'tls.secretName': 'relay-tls',
  'ingress.enabled': true,
  'ingress.tlsSecretName': 'public-tls',
  // Another way to verify tokens than the defaults have.
  'settings.JWKS_URL': null,
  'settings.JWT_ISSUER': 'https://app.example.com',
  'settings.JWT_AUDIENCE': 'realtime-relay',
  'secret.files': { JWT_SECRET: 'jwt-secret', TWILIO_AUTH_TOKEN: 'twilio', AUDIT_KEY: 'audit-key' },
  'settings.PUBLIC_URL': 'https://relay.example.com',
  'settings.TELEPHONY_PROFILE': '{"*": "default"}',
  'settings.AUDIT_DIR': '/audit',
  extraVolumes: [{ name: 'audit', emptyDir: {} }],
  extraVolumeMounts: [{ name: 'audit', mountPath: '/audit' }],
  'monitoring.serviceMonitor.enabled': true,
  'monitoring.rules.enabled': true,
  'monitoring.board.enabled': true,
  'networkPolicy.extraEgress': [{ ports: [{ port: 4318, protocol: 'TCP' }] }],
  'image.pullSecrets': ['registry'],
  nodeSelector: { pool: 'voice' },
  tolerations: [{ key: 'voice', operator: 'Exists' }],
} as const

describe('the chart beside the plain files', () => {
  it.each([
    ['rules.yml', 'deploy/prometheus/rules.yml'],
    ['board.json', 'deploy/grafana/board.json'],
  ])('%s is a plain file with the same bytes as that of deploy: npm and zip archives lose links', (name, path) => {
    const file = join(CHART, 'files', name)
    expect(lstatSync(file).isFile()).toBe(true)
    expect(readFileSync(file, 'utf8')).toBe(readFileSync(join(ROOT, path), 'utf8'))
  })

  it('refuses every secret variable among the settings', () => {
    const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8'))
    const refused: readonly string[] = schema.properties.settings.propertyNames.not.enum
    const mayBeSeen = ['JWT_PUBLIC_KEY', 'INSTRUCTIONS', 'TOOLS', 'GUARDS', 'SESSION']
    const secrets = Object.entries(VARIABLES).flatMap(([name, { file }]) => (file && !mayBeSeen.includes(name) ? [name] : []))
    expect(secrets.length).toBeGreaterThan(10)
    expect(secrets.filter((name) => !refused.includes(name) || !refused.includes(`${name}_FILE`))).toEqual([])
    expect(refused.map((name) => name.replace(/_FILE$/, '')).filter((name) => !Object.hasOwn(VARIABLES, name) && !Object.hasOwn(VARIABLES, `${name}_FILE`))).toEqual([])
  })
})

describe.skipIf(missingHelm !== '')(`the chart, rendered${missingHelm}`, () => {
  it('has nothing that Helm warns of', () => {
    expect(lint()).toContain('1 chart(s) linted, 0 chart(s) failed')
  })

  it('by default is what deploy/kubernetes has', () => {
    const folder = 'deploy/kubernetes'
    const plain = readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml' && name !== 'secret.example.yaml')
      .flatMap((name) => readYaml(`${folder}/${name}`) as Manifest[])
    const [kustomization] = readYaml(`${folder}/kustomization.yaml`) as [{ images: readonly [{ name: string; newName: string; newTag: string }] }]
    const [{ name, newName, newTag }] = kustomization.images
    const whole = JSON.parse(JSON.stringify(plain).replace(`"image":"${name}"`, `"image":"${newName}:${newTag}"`)) as Manifest[]
    expect(sorted(render())).toEqual(sorted(whole))
  })

  it('is the same under any name of a release, but for the name', () => {
    const other = JSON.stringify(render({}, 'voice')).replaceAll('voice-realtime-relay', 'realtime-relay')
    expect(JSON.parse(other)).toEqual(render())
    expect(render({}, 'a'.repeat(53)).every((one) => one.metadata.name.length <= 63)).toBe(true)
  })

  it('gives a pod the time of preStop, drain and some more', () => {
    const all = render({ 'drain.seconds': 600, 'drain.preStopSeconds': 20, 'drain.spareSeconds': 15 })
    expect(podOf(all).terminationGracePeriodSeconds).toBe(635)
    expect(JSON.stringify(podOf(all).containers[0].lifecycle)).toContain('20000')
    expect(dataOf(all).DRAIN_SECONDS).toBe('600')
  })

  it('scales by sessions, in percent of the most', () => {
    expect(JSON.stringify(find(render({ 'settings.MAX_SESSIONS': 1_000_000 }), 'HorizontalPodAutoscaler'))).toContain('"averageValue":"700000"')
    expect(dataOf(render({ 'settings.MAX_SESSIONS': 1_000_000 })).MAX_SESSIONS).toBe('1000000')
    const fixed = render({ 'autoscaling.enabled': false, replicas: 3 })
    expect(find(fixed, 'HorizontalPodAutoscaler')).toBeUndefined()
    expect(find(fixed, 'Deployment')).toMatchObject({ spec: { replicas: 3 } })
  })

  it('without Redis mounts no secret, opens no port for it, and is one pod', () => {
    const all = render({ 'redis.enabled': false, 'autoscaling.enabled': false, replicas: 1 })
    expect(podOf(all).containers[0].env).toBeUndefined()
    expect(podOf(all).volumes.map(({ name }) => name)).toEqual(['files', 'tmp'])
    expect(JSON.stringify(find(all, 'NetworkPolicy'))).not.toContain('6379')
  })

  it('replaces the pods when a setting changes, and not when a file does', () => {
    const checksum = (values: Record<string, unknown>) =>
      (find(render(values), 'Deployment') as unknown as { spec: { template: { metadata: { annotations: Record<string, string> } } } }).spec.template.metadata.annotations[CHECKSUM]
    expect(checksum({})).toMatch(/^[0-9a-f]{64}$/)
    expect(checksum({ files: { 'other.txt': 'x' } })).toBe(checksum({}))
    expect(new Set([checksum({}), checksum({ 'settings.LOG_LEVEL': 'debug' }), checksum({ 'drain.seconds': 30 })]).size).toBe(3)
  })

  it('without a workload identity says nothing of one', () => {
    expect(JSON.stringify(render({ 'workloadIdentity.clientId': '' }))).not.toContain('azure.workload.identity')
  })

  it('with everything: TLS to the pod, an ingress that lets a call last, secrets as files', () => {
    const all = render(EVERYTHING)
    expect(dataOf(all)).toMatchObject({ TLS_CERT_FILE: '/tls/tls.crt', TLS_KEY_FILE: '/tls/tls.key', AUDIT_DIR: '/audit' })
    expect(find(all, 'Ingress')?.metadata).toMatchObject({
      annotations: {
        'nginx.ingress.kubernetes.io/backend-protocol': 'HTTPS',
        'nginx.ingress.kubernetes.io/proxy-read-timeout': '3600',
        'nginx.ingress.kubernetes.io/proxy-send-timeout': '3600',
      },
    })
    expect(podOf(all).containers[0].env).toEqual([
      { name: 'REDIS_URL_FILE', value: '/secrets/redis-url' },
      { name: 'AUDIT_KEY_FILE', value: '/secrets/audit-key' },
      { name: 'JWT_SECRET_FILE', value: '/secrets/jwt-secret' },
      { name: 'TWILIO_AUTH_TOKEN_FILE', value: '/secrets/twilio' },
    ])
    const names = podOf(all).volumes.map(({ name }) => name)
    expect(
      podOf(all)
        .containers[0].volumeMounts.map(({ name }) => name)
        .filter((name) => !names.includes(name)),
    ).toEqual([])
  })

  it('takes rules and board from deploy, each as it is there', () => {
    const all = render(EVERYTHING)
    const [rules] = readYaml('deploy/prometheus/rules.yml')
    expect(find(all, 'PrometheusRule')?.spec).toEqual(rules)
    expect(dataOf(all, 'realtime-relay-board')['realtime-relay.json']).toBe(readFileSync(join(ROOT, 'deploy/grafana/board.json'), 'utf8'))
    const labels = find(all, 'Service', 'realtime-relay-metrics')?.metadata.labels
    expect(find(all, 'ServiceMonitor')).toMatchObject({
      spec: { selector: { matchLabels: { 'app.kubernetes.io/component': 'metrics' } }, endpoints: [{ port: 'admin', path: '/metrics' }] },
    })
    expect(labels?.['app.kubernetes.io/component']).toBe('metrics')
    expect(find(all, 'Service', 'realtime-relay')?.metadata.labels?.['app.kubernetes.io/component']).toBeUndefined()
  })

  it('has them in its package too, and says so if a copy lost them', () => {
    const place = mkdtempSync(join(tmpdir(), 'relay-chart-'))
    try {
      expect(render(EVERYTHING, 'realtime-relay', packaged(place))).toEqual(render(EVERYTHING))
      cpSync(CHART, join(place, 'copy'), { recursive: true, filter: (source) => !source.endsWith('rules.yml') })
      expect(objection(EVERYTHING, join(place, 'copy'))).toContain('files/rules.yml is not in this chart')
    } finally {
      rmSync(place, { recursive: true })
    }
  })

  it('configures a relay that starts', () => {
    const all = render({ 'redis.enabled': false, 'autoscaling.enabled': false, replicas: 1 })
    const { INSTRUCTIONS_FILE: _, TOOLS_FILE: __, ...settings } = dataOf(all)
    const files = dataOf(all, 'realtime-relay-files')
    const config = loadConfig(checkTools, { ...settings, TOOLS: files['tools.json'], INSTRUCTIONS: files['instructions.txt'] })
    expect(config.tools).toHaveLength(1)
    expect(config.limits.drainMs).toBe(25_000)
  })

  it('with a secret of your own configures a relay that starts', () => {
    const { INSTRUCTIONS_FILE: _, TOOLS_FILE: __, AUDIT_DIR: ___, TLS_CERT_FILE: ____, TLS_KEY_FILE: _____, ...settings } = dataOf(render(EVERYTHING))
    expect(loadConfig(checkTools, { ...settings, JWT_SECRET: 'x'.repeat(40), TWILIO_AUTH_TOKEN: 'x'.repeat(32), REDIS_URL: 'redis://localhost' }).auth).toMatchObject({})
  })

  it('says after an installation what is still the example’s, and nothing of it if all is set', () => {
    const place = mkdtempSync(join(tmpdir(), 'relay-chart-'))
    const own = { 'settings.AZURE_OPENAI_ENDPOINT': 'https://own.openai.azure.com', 'image.repository': 'ghcr.io/me/relay', 'workloadIdentity.clientId': '' }
    const more = { 'settings.ALLOWED_ORIGINS': 'https://own.com', 'files.instructions\\.txt': 'Be kind.' }
    try {
      const said = notes(own, place)
      expect(said).toMatch(/Still as in the example.*: settings\.ALLOWED_ORIGINS, settings\.JWKS_URL, settings\.JWT_AUDIENCE, settings\.JWT_ISSUER, files\.instructions\.txt\./)
      expect(notes({ ...EVERYTHING, ...own, ...more }, place)).not.toContain('example')
    } finally {
      rmSync(place, { recursive: true })
    }
  })

  it.each([
    ['a misspelt value', { 'redis.enable': true }, /redis/],
    ['a secret among the settings', { 'settings.JWT_SECRET': 'x'.repeat(40) }, /JWT_SECRET/],
    ['a setting that a part has', { 'settings.DRAIN_SECONDS': 9 }, /DRAIN_SECONDS/],
    ['a setting in small letters', { 'settings.max_sessions': 9 }, /max_sessions/],
    ['a list where a text belongs', { 'settings.ALLOWED_ORIGINS': ['https://a'] }, /ALLOWED_ORIGINS/],
    ['no room after the drain', { 'drain.spareSeconds': 0 }, /spareSeconds/],
    ['no preStop', { 'drain.preStopSeconds': 0 }, /preStopSeconds/],
    ['a disruption budget of none', { 'disruption.maxUnavailable': 0 }, /maxUnavailable/],
    ['no memory limit', { 'resources.limits': null }, /limits/],
    ['an identity that is none', { 'workloadIdentity.clientId': 'me' }, /clientId/],
    ['several pods without Redis', { 'redis.enabled': false }, /redis\.enabled is false and there may be several pods/],
    ['TLS without a certificate', { 'tls.enabled': true }, /tls\.secretName is empty/],
    ['more at least than at most', { 'autoscaling.min': 30 }, /autoscaling\.min is above/],
    ['two ways to verify tokens', { 'secret.files': { JWT_SECRET: 'jwt' } }, /settings\.JWKS_URL and secret\.files\.JWT_SECRET .* to null/],
    ['an issuer that is still the example', { 'settings.JWKS_URL': null, 'secret.files': { JWT_SECRET: 'jwt' } }, /settings\.JWT_ISSUER is still the example/],
    ['a setting beside its file', { 'settings.INSTRUCTIONS': 'Be kind.' }, /settings\.INSTRUCTIONS and settings\.INSTRUCTIONS_FILE .* to null/],
    ['Redis twice', { 'secret.files': { REDIS_URL: 'other' } }, /REDIS_URL and redis\.enabled say the same/],
  ] as const)('refuses %s', (_name, values, words) => {
    expect(objection(values)).toMatch(words)
  })

  it.skipIf(missingSchemas !== '')(`is what Kubernetes takes, without a field that it does not know${missingSchemas}`, () => {
    const own = (all: readonly Manifest[]) => all.filter(({ kind }) => !FOREIGN.includes(kind))
    expect(againstSchemas(own(render()))).toBe('')
    expect(againstSchemas(own(render(EVERYTHING)))).toBe('')
    expect(againstSchemas([{ ...(find(render(), 'Service') as Manifest), nonsense: 1 }])).toContain('nonsense')
  })
})

/** Without Helm whoever changes a setting restarts the pods. */
const CHECKSUM = 'checksum/settings'

/** Labels of the chart's own on the manifests are what kustomize adds in another way. */
function sorted(all: readonly Manifest[]): readonly unknown[] {
  const bare = all.map(
    ({ metadata: { labels: _, ...metadata }, ...rest }) => JSON.parse(JSON.stringify({ ...rest, metadata }, (key, value) => (key === CHECKSUM ? undefined : value))) as Manifest,
  )
  return bare.sort((a, b) => `${String(a.kind)} ${a.metadata.name}`.localeCompare(`${String(b.kind)} ${b.metadata.name}`))
}
