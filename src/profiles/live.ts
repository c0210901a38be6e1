// Keeps the versions of what changes while the relay runs: tools, profiles, instructions. New sessions get the newest, running ones keep theirs.

import type { Config } from '../config/config.js'
import { configWarnings } from '../config/describe.js'
import { watchFiles } from '../config/file-watch.js'
import type { SessionProfile } from '../core/policy/profile.js'
import type { Identity } from '../ports/caller.js'
import type { ToolRegistry, ToolSet } from '../ports/tools.js'
import { chooseProfile } from './choose.js'

interface LiveConfigOptions {
  readonly config: Config
  /** Reads the configuration as it is now. Throws an error with `problems` for a bad one. If undefined, the configuration never changes. */
  readonly load: (() => Config) | undefined
  /** Rejects with such an error for tools that cannot be used. */
  readonly createTools: (config: Config) => Promise<ToolRegistry>
  readonly log: Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>
  readonly count: (result: 'reloaded' | 'refused') => void
  /** Time between two looks at the files, in milliseconds. */
  readonly watchMs?: number
}

export interface LiveConfig {
  readonly config: Config
  readonly tools: ToolRegistry
  /** Throws what `chooseProfile` throws. The profile stays with the version it came from. */
  profileFor(identity: Identity, requestedModel: string | undefined): SessionProfile
  toolsFor(profile: SessionProfile): ToolSet
  /** Keeps the version that this profile came from, with its tools, until `release` is called. */
  pin(profile: SessionProfile): { release(): void }
  /** Takes up what the files say now, or logs every mistake and keeps what is in force. Looks again if it is called meanwhile. Never rejects. */
  reload(): Promise<void>
  close(): Promise<void>
}

interface Version {
  readonly config: Config
  readonly tools: ToolRegistry
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
  const tools = await createTools(options.config).catch((error: unknown) => {
    stopWatching()
    throw error
  })
  building = false
  let current: Version = { config: options.config, tools, sessions: 0, retired: false }
  const open = new Set([current])
  const chosen = new WeakMap<SessionProfile, { readonly version: Version; readonly tools: ToolSet }>()
  let reloading: Promise<void> | undefined
  let closed = false

  async function takeUp(loadNow: () => Config): Promise<void> {
    let tools: ToolRegistry | undefined
    try {
      const { tools: toolConfigs, profiles } = loadNow()
      const config: Config = { ...options.config, tools: toolConfigs, profiles }
      tools = await createTools(config)
      if (closed) return await tools.close()
      const before = current
      current = { config, tools, sessions: 0, retired: false }
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
    if (version.retired && version.sessions === 0 && open.delete(version)) version.tools.close().catch(() => undefined)
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
    profileFor(identity, requestedModel) {
      const version = current
      const { profile, tools } = chooseProfile(version.config, (names) => version.tools.toolSet(names), identity, requestedModel)
      chosen.set(profile, { version, tools })
      return profile
    },
    toolsFor: (profile) => chosen.get(profile)?.tools ?? current.tools.toolSet([]),
    pin(profile) {
      const version = chosen.get(profile)?.version
      if (!version) return { release: () => undefined }
      version.sessions++
      let pinned = true
      return {
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
      await Promise.all([...open].map((version) => version.tools.close()))
      await reloading
    },
  }
}

/** Our own words, if the error is about the configuration or its tools. Of any other error, only its kind. */
function problemsOf(error: unknown): readonly string[] {
  if (error instanceof Error && 'problems' in error && Array.isArray(error.problems)) return error.problems.map(String)
  return [error instanceof Error ? error.name : 'unknown']
}
