// Kubernetes manifests: valid, locked down, timed so that no answer is cut, and configured so that the relay starts.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import { checkTools } from '../../src/tools/check.js'
import { missing, readYaml } from './yaml.js'

type Manifest = { readonly kind: string; readonly metadata: { readonly name: string }; readonly [key: string]: unknown }

const folder = 'deploy/kubernetes'
const files = readdirSync(join(import.meta.dirname, '../..', folder)).filter((name) => name.endsWith('.yaml'))

describe.skipIf(missing !== '')(`deploy/kubernetes${missing}`, () => {
  const all = files.flatMap((file) => readYaml(`${folder}/${file}`) as Manifest[])
  const of = (kind: string, name = 'realtime-relay') => all.find((manifest) => manifest.kind === kind && (kind === 'Kustomization' || manifest.metadata.name === name))
  const pod = () => (of('Deployment') as unknown as { spec: { template: { spec: PodSpec; metadata: { labels: Record<string, string> } } } }).spec.template
  interface PodSpec {
    readonly securityContext: object
    readonly terminationGracePeriodSeconds: number
    readonly automountServiceAccountToken: boolean
    readonly enableServiceLinks: boolean
    readonly volumes: readonly { readonly name: string }[]
    readonly containers: readonly [Container]
  }
  interface Container {
    readonly image: string
    readonly securityContext: object
    readonly resources: { readonly requests: object; readonly limits: object }
    readonly env: readonly { readonly name: string; readonly value: string }[]
    readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } }
    readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
    readonly startupProbe: Probe
    readonly livenessProbe: Probe
    readonly readinessProbe: Probe
  }
  interface Probe {
    readonly httpGet: { readonly path: string; readonly port: string }
  }
  const settings = (of('ConfigMap') as unknown as { data: Record<string, string> } | undefined)?.data ?? {}

  it('has one of each kind', () => {
    expect(all.map((manifest) => manifest.kind).sort()).toEqual(
      ['ConfigMap', 'ConfigMap', 'Deployment', 'HorizontalPodAutoscaler', 'Kustomization', 'NetworkPolicy', 'PodDisruptionBudget', 'Secret', 'Service', 'ServiceAccount'].sort(),
    )
    const { resources } = of('Kustomization') as unknown as { resources: readonly string[] }
    expect(files.filter((file) => !resources.includes(file)).sort()).toEqual(['kustomization.yaml', 'secret.example.yaml'])
  })

  it('is what the restricted Pod Security Standard asks for', () => {
    const { spec } = pod()
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } })
    expect(spec.containers[0].securityContext).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } })
    expect(spec).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false })
    expect(spec.containers[0].resources).toMatchObject({ requests: { cpu: expect.anything(), memory: expect.anything() }, limits: { memory: expect.anything() } })
  })

  it('probes the right paths on a declared port, which callers cannot fill', () => {
    const container = pod().spec.containers[0]
    const ports = container.ports.map((port) => port.name)
    expect([container.startupProbe, container.livenessProbe, container.readinessProbe].map((probe) => probe.httpGet.path)).toEqual(['/livez', '/livez', '/readyz'])
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) expect(probe.httpGet.port).toBe('admin')
    expect(ports).toContain('admin')
  })

  it('ends a pod only after preStop and the drain', () => {
    const { spec } = pod()
    const wait = Number(/(\d+)\)$/.exec(spec.containers[0].lifecycle.preStop.exec.command.at(-1) ?? '')?.[1]) / 1000
    expect(wait).toBeGreaterThan(0)
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(wait + Number(settings.DRAIN_SECONDS) + 5)
  })

  it('uses the workload identity of its account', () => {
    expect(pod().metadata.labels['azure.workload.identity/use']).toBe('true')
    expect(of('ServiceAccount')).toMatchObject({ metadata: { annotations: { 'azure.workload.identity/client-id': expect.any(String) } } })
  })

  it('scales on a metric the relay has, and slowly down', () => {
    expect(of('HorizontalPodAutoscaler')).toMatchObject({
      spec: { metrics: [{ pods: { metric: { name: 'relay_sessions' } } }, {}], behavior: { scaleDown: { policies: [{ type: 'Pods', value: 1 }] } } },
    })
    expect(of('PodDisruptionBudget')).toMatchObject({ spec: { maxUnavailable: 1 } })
  })

  it('keeps metrics from everybody but monitoring, and the metadata address out of reach', () => {
    const policy = JSON.stringify(of('NetworkPolicy'))
    expect(policy).toContain('"policyTypes":["Ingress","Egress"]')
    expect(policy).toContain('169.254.0.0/16')
    expect(of('NetworkPolicy')).toMatchObject({
      spec: {
        ingress: [{ ports: [{ port: 'http' }] }, { from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }], ports: [{ port: 'admin' }] }],
      },
    })
  })

  it('configures a relay that starts', () => {
    const place = mkdtempSync(join(tmpdir(), 'relay-k8s-'))
    try {
      const mounted = (of('ConfigMap', 'realtime-relay-files') as unknown as { data: Record<string, string> }).data
      const secrets = (of('Secret') as unknown as { stringData: Record<string, string> }).stringData
      for (const [name, content] of Object.entries({ ...mounted, ...secrets })) writeFileSync(join(place, name), content)
      const env = Object.fromEntries([...Object.entries(settings), ...pod().spec.containers[0].env.map(({ name, value }) => [name, value] as const)])
      const local = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace(/^\/(config|secrets)\//, `${place}/`)]))
      const config = loadConfig(checkTools, local, { mode: 'serve', cwd: place })
      expect(config.upstreams[0]?.apiKey).toBeUndefined()
      expect(config.tools).toHaveLength(1)
      expect(config.redis).toBeDefined()
    } finally {
      rmSync(place, { recursive: true })
    }
  })
})
