// The profile of system calls that container engines ship, reduced to what it says for a container without capabilities.

interface Rule {
  readonly names: readonly string[]
  readonly action: string
  readonly args?: readonly { readonly index: number; readonly value: number; readonly valueTwo: number; readonly op: string }[] | null
  readonly errnoRet?: number
  readonly includes?: Condition
  readonly excludes?: Condition
}

interface Condition {
  readonly arches?: readonly string[]
  readonly caps?: readonly string[]
}

/** `seccomp.json` of Docker, containerd and Podman, which share its form. */
export interface EngineProfile {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number
  readonly archMap: readonly { readonly architecture: string; readonly subArchitectures: readonly string[] | null }[]
  readonly syscalls: readonly Rule[]
}

export type Seccomp = ReturnType<typeof seccompOf>

const NAMES: Readonly<Record<string, readonly [engine: string, kernel: string]>> = { x64: ['amd64', 'SCMP_ARCH_X86_64'], arm64: ['arm64', 'SCMP_ARCH_AARCH64'] }

/** What runc reads. `arch` is Node's name. Rules that need a capability never hold, and those that its absence makes always do. */
export function seccompOf(profile: EngineProfile, arch: string) {
  const [engine = arch, kernel = arch] = NAMES[arch] ?? []
  const holds = ({ includes, excludes }: Rule) =>
    (includes?.caps ?? []).length === 0 && (!includes?.arches || includes.arches.includes(engine)) && !(excludes?.arches ?? []).includes(engine)
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: profile.archMap
      .filter(({ architecture }) => architecture === kernel)
      .flatMap(({ architecture, subArchitectures }) => [architecture, ...(subArchitectures ?? [])]),
    syscalls: profile.syscalls.filter(holds).map(({ names, action, args, errnoRet }) => ({
      names,
      action,
      ...(args && args.length > 0 && { args }),
      ...(errnoRet !== undefined && { errnoRet }),
    })),
  }
}
