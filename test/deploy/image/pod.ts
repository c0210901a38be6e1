// What Kubernetes gives the relay's container, read from the manifests, so that a trial of the image cannot differ from them.
interface Deployment {
  readonly spec: { readonly template: { readonly spec: PodSpec } }
}

interface PodSpec {
  readonly terminationGracePeriodSeconds: number
  readonly securityContext: {
    readonly runAsUser: number
    readonly runAsGroup: number
    readonly fsGroup: number
    readonly seccompProfile: { readonly type: string }
  }
  readonly containers: readonly [Container]
  readonly volumes: readonly Volume[]
}

interface Container {
  readonly env?: readonly { readonly name: string; readonly value: string }[]
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[]
  readonly securityContext: {
    readonly allowPrivilegeEscalation: boolean
    readonly readOnlyRootFilesystem: boolean
    readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] }
  }
  readonly resources: { readonly requests: { readonly cpu: string }; readonly limits: { readonly memory: string } }
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } }
}

interface Volume {
  readonly name: string
  readonly configMap?: { readonly name: string }
  readonly secret?: { readonly secretName: string; readonly defaultMode: number }
  readonly emptyDir?: { readonly medium: string; readonly sizeLimit: string }
}

/** A folder of the container: in memory with a bound, or files of this machine. */
export interface PodMount {
  readonly path: string
  readonly readOnly: boolean
  readonly kind: 'memory' | 'config' | 'secret'
  readonly bytes?: number
  readonly mode?: number
}

export interface Pod {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
  readonly readOnlyRoot: boolean
  readonly noNewPrivileges: boolean
  /** True if no capability at all is left. */
  readonly noCapabilities: boolean
  readonly seccomp: boolean
  readonly memoryBytes: number
  readonly cpuShares: number
  readonly graceSeconds: number
  readonly preStop: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly mounts: readonly PodMount[]
}

const UNITS: Readonly<Record<string, number>> = { m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }

/** Kubernetes' quantities: `768Mi`, `500m`, `2`. */
export function quantity(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)(m|k|M|G|Ki|Mi|Gi)?$/.exec(text) ?? []
  const factor = UNITS[unit]
  if (digits === undefined || factor === undefined) throw new Error(`${text} is no quantity`)
  return Number(digits) * factor
}

export function podOf(deployment: Deployment, settings: Readonly<Record<string, string>>): Pod {
  const { spec } = deployment.spec.template
  const [container] = spec.containers
  const { capabilities, allowPrivilegeEscalation, readOnlyRootFilesystem } = container.securityContext
  return {
    uid: spec.securityContext.runAsUser,
    gid: spec.securityContext.runAsGroup,
    groups: [spec.securityContext.fsGroup],
    readOnlyRoot: readOnlyRootFilesystem,
    noNewPrivileges: !allowPrivilegeEscalation,
    noCapabilities: capabilities.drop.includes('ALL') && (capabilities.add ?? []).length === 0,
    seccomp: spec.securityContext.seccompProfile.type === 'RuntimeDefault',
    memoryBytes: quantity(container.resources.limits.memory),
    cpuShares: Math.round(quantity(container.resources.requests.cpu) * 1024),
    graceSeconds: spec.terminationGracePeriodSeconds,
    preStop: container.lifecycle.preStop.exec.command,
    env: { ...settings, ...Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value])) },
    mounts: container.volumeMounts.map(({ name, mountPath, readOnly }) =>
      mountOf(
        mountPath,
        readOnly ?? false,
        spec.volumes.find((volume) => volume.name === name),
      ),
    ),
  }
}

function mountOf(path: string, readOnly: boolean, volume: Volume | undefined): PodMount {
  if (volume?.secret) return { path, readOnly, kind: 'secret', mode: volume.secret.defaultMode }
  if (volume?.configMap) return { path, readOnly, kind: 'config' }
  if (volume?.emptyDir?.medium === 'Memory') return { path, readOnly, kind: 'memory', bytes: quantity(volume.emptyDir.sizeLimit) }
  throw new Error(`${path} is a kind of volume that this trial does not know`)
}
