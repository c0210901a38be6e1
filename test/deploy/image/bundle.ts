// What runc is told: an image and a pod as the configuration of an OCI bundle.
import type { Pod } from './pod.js'
import type { Seccomp } from './seccomp.js'

/** The part of an image's configuration that decides how it runs, as `buildah inspect` prints it. */
export interface ImageConfig {
  readonly Env: readonly string[]
  readonly Entrypoint: readonly string[]
  readonly Cmd: readonly string[]
  readonly WorkingDir: string
  readonly User: string
  readonly StopSignal: string
  readonly Healthcheck?: { readonly Test: readonly string[] }
}

export interface Choice {
  readonly rootfs: string
  /** Instead of the image's own command, as after the image's name in `docker run`. */
  readonly args?: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** The folder of this machine for each kind of files. */
  readonly folders: Readonly<Record<'config' | 'secret', string>>
  /** Where the kernel counts the memory; without it there is no limit. */
  readonly cgroup?: string
  readonly seccomp?: Seccomp
}

const NO_CAPABILITIES = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] }
const MASKED = ['acpi', 'asound', 'kcore', 'keys', 'latency_stats', 'timer_list', 'timer_stats', 'sched_debug', 'scsi'].map((name) => `/proc/${name}`)
const READ_ONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'].map((name) => `/proc/${name}`)
/** What the kernel gives every container, as containerd mounts it. */
const KERNEL = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
  { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'] },
  { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'] },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'] },
]

/** `config.json`. It names no network, so the container shares that of whoever starts it, as the containers of a pod share theirs. */
export function bundleOf(image: ImageConfig, pod: Pod, choice: Choice) {
  // A pod's variables come after the image's, and the last one of a name counts.
  const env = [...image.Env, ...Object.entries({ ...pod.env, ...choice.env }).map(([name, value]) => `${name}=${value}`)]
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: pod.uid, gid: pod.gid, additionalGids: pod.groups },
      args: [...image.Entrypoint, ...(choice.args ?? image.Cmd)],
      env,
      cwd: image.WorkingDir,
      ...(pod.noCapabilities && { capabilities: NO_CAPABILITIES }),
      noNewPrivileges: pod.noNewPrivileges,
    },
    root: { path: choice.rootfs, readonly: pod.readOnlyRoot },
    hostname: 'relay',
    mounts: [...KERNEL.filter(({ type }) => type !== 'cgroup' || choice.cgroup !== undefined), ...pod.mounts.map((mount) => podMount(mount, choice))],
    linux: {
      namespaces: ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      maskedPaths: MASKED,
      readonlyPaths: READ_ONLY,
      ...(choice.cgroup !== undefined && { cgroupsPath: choice.cgroup, resources: { memory: { limit: pod.memoryBytes }, cpu: { shares: pod.cpuShares } } }),
      ...(pod.seccomp && choice.seccomp && { seccomp: choice.seccomp }),
    },
  }
}

function podMount({ path, kind, readOnly, bytes }: Pod['mounts'][number], { folders }: Choice) {
  const access = readOnly ? 'ro' : 'rw'
  if (kind === 'memory') return { destination: path, type: 'tmpfs', source: 'tmpfs', options: [access, 'mode=1777', `size=${bytes}`] }
  return { destination: path, type: 'bind', source: folders[kind], options: ['rbind', 'rprivate', access] }
}
