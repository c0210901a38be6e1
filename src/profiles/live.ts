// Keeps the versions of what changes while the relay runs: tools, guards, profiles, instructions. New sessions get the newest, running ones keep theirs.

import type { Config } from '../config/config.js'
import { configWarnings } from '../config/describe.js'
import { watchFiles } from '../config/file-watch.js'
import type { SessionProfile } from '../core/policy/profile.js'
import type { Identity } from '../ports/caller.js'
import type { GuardRegistry, GuardSet } from '../ports/guards.js'
import type { ToolRegistry, ToolSet } from '../ports/tools.js'
import { chooseProfile } from './choose.js'

interface LiveConfigOptions {
  readonly config: Config
  /** Reads the configuration as it is now. Throws an error with `problems` for a bad one. If undefined, the configuration never changes. */
  readonly load: (() => Config) | undefined
  /** Rejects with such an error for tools that cannot be used. */
  readonly createTools: (config: Config) => Promise<ToolRegistry>
  /** As `createTools`. Resolves to undefined if there are no guards. */
  readonly createGuards?: (config: Config) => Promise<GuardRegistry | undefined>
  readonly log: Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>
  readonly count: (result: 'reloaded' | 'refused') => void
  /** Time between two looks at the files, in milliseconds. */
  readonly watchMs?: number
}

export interface LiveConfig {
  readonly config: Config
  readonly tools: ToolRegistry
  /** Absent: there are none. */
  readonly guards: GuardRegistry | undefined
  /** Throws what `chooseProfile` throws. The profile stays with the version it came from. */
  profileFor(identity: Identity, requestedModel: string | undefined): SessionProfile
  toolsFor(profile: SessionProfile): ToolSet
  /** Keeps the version that this profile came from, with its tools and guards, until `release` is called. The set is that of one session. */
  pin(profile: SessionProfile): { readonly guards: GuardSet | undefined; release(): void }
  /** Takes up what the files say now, or logs every mistake and keeps what is in force. Looks again if it is called meanwhile. Never rejects. */
  reload(): Promise<void>
  close(): Promise<void>
}

interface Version {
  readonly config: Config
  readonly tools: ToolRegistry
  readonly guards: GuardRegistry | undefined
  sessions: number
  retired: boolean
}

const WATCH_MS = 2000

/** Rejects if the tools of the first version cannot be used. */
export async function createLiveConfig(options: LiveConfigOptions): Promise<LiveConfig> {
  const { load, createTools, log, count } = options
  let building = true
  let again = false
  const stopWatching = watchFiles((load && options.config.liveFiles) ?? new Map(), options.watchMs ?? WATCH_MS, () => {
    if (building) again = true
    else void reload()
  })
  let current = await build(options.config).catch((error: unknown) => {
    stopWatching()
    throw error
  })
  building = false
  const open = new Set([current])
  const chosen = new WeakMap<SessionProfile, { readonly version: Version; readonly tools: ToolSet }>()
  let reloading: Promise<void> | undefined
  let closed = false

  async function build(config: Config): Promise<Version> {
    const tools = await createTools(config)
    try {
      return { config, tools, guards: await options.createGuards?.(config), sessions: 0, retired: false }
    } catch (error) {
      await tools.close()
      throw error
    }
  }

  async function takeUp(loadNow: () => Config): Promise<void> {
    try {
      const { tools: toolConfigs, guards, profiles } = loadNow()
      const config: Config = { ...options.config, tools: toolConfigs, guards, profiles }
      const version = await build(config)
      if (closed) return await closeParts(version)
      const { tools } = version
      const before = current
      current = version
      open.add(current)
      retire(before)
      for (const warning of configWarnings(config)) log.warn({}, warning)
      log.info({ tools: tools.specs().length, profiles: Object.keys(profiles).length }, 'configuration reloaded')
      count('reloaded')
    } catch (error) {
      log.error({ problems: problemsOf(error) }, 'the changed configuration is refused, the one in force stays')
      count('refused')
    }
  }

  /** Waits for callers that got this version and are not through the upgrade yet: that takes no longer than a handshake may. */
  function retire(version: Version): void {
    const timer = setTimeout(() => {
      version.retired = true
      closeUnused(version)
    }, options.config.limits.handshakeTimeoutMs)
    timer.unref()
  }

  function closeUnused(version: Version): void {
    if (version.retired && version.sessions === 0 && open.delete(version)) closeParts(version).catch(() => undefined)
  }

  async function reload(): Promise<void> {
    if (!load || closed) return
    again = true
    reloading ??= (async () => {
      while (again && !closed) {
        again = false
        await takeUp(load)
      }
      reloading = undefined
    })()
    return reloading
  }

  if (again) void reload()

  return {
    get config() {
      return current.config
    },
    get tools() {
      return current.tools
    },
    get guards() {
      return current.guards
    },
    profileFor(identity, requestedModel) {
      const version = current
      const { profile, tools } = chooseProfile(version.config, (names) => version.tools.toolSet(names), identity, requestedModel)
      chosen.set(profile, { version, tools })
      return profile
    },
    toolsFor: (profile) => chosen.get(profile)?.tools ?? current.tools.toolSet([]),
    pin(profile) {
      const version = chosen.get(profile)?.version
      if (!version) return { guards: undefined, release: () => undefined }
      version.sessions++
      let pinned = true
      return {
        guards: profile.guards && version.guards?.guardSet(),
        release() {
          if (pinned) version.sessions--
          pinned = false
          closeUnused(version)
        },
      }
    },
    reload,
    async close() {
      closed = true
      stopWatching()
      await Promise.all([...open].map(closeParts))
      await reloading
    },
  }
}

async function closeParts({ tools, guards }: Version): Promise<void> {
  await Promise.all([tools.close(), guards?.close()])
}

/** Our own words, if the error is about the configuration or its tools. Of any other error, only its kind. */
function problemsOf(error: unknown): readonly string[] {
  if (error instanceof Error && 'problems' in error && Array.isArray(error.problems)) return error.problems.map(String)
  return [error instanceof Error ? error.name : 'unknown']
}
