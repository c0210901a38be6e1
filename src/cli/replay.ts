// The command `replay`: what changed profiles would have decided differently in a recorded session, event by event. Dials nothing and runs no tool.
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Config, ToolConfig } from '../config/config.js'
import { ConfigError } from '../config/config-error.js'
import type { GuardConfig } from '../config/guard-config.js'
import { loadConfig, processEnvironment } from '../config/load.js'
import type { SessionProfile, SessionTool } from '../core/policy/profile.js'
import type { DialectName } from '../core/protocol/dialect.js'
import { RefusalError } from '../core/protocol/errors.js'
import { type Difference, differences } from '../core/replay/differences.js'
import { parseRecording, type RecordedEvent } from '../core/replay/recorded.js'
import { rejudge } from '../core/replay/rejudge.js'
import { decide } from '../core/replay/run.js'
import { isTranscript, parseTranscript } from '../core/replay/transcript.js'
import { withBuiltIns } from '../core/session/manners/built-in.js'
import type { Identity } from '../ports/caller.js'
import type { ToolSet } from '../ports/tools.js'
import { chooseProfile } from '../profiles/choose.js'
import { checkTools } from '../tools/check.js'
import { namespaced } from '../tools/mcp-tools.js'
import { UsageError } from './commands.js'
import { askedGuards } from './replay-guards.js'
import { differenceLines } from './replay-text.js'
import { NOT_IN_TRANSCRIPT, tellRejudged } from './replay-transcript.js'

export interface ReplayOptions {
  /** A recorded session as JSONL, or a transcript that the relay kept. */
  readonly file: string
  /** Takes the place of PROFILES_FILE after the change. */
  readonly profilesFile: string
  /** Takes its place before the change. Absent: the environment's own. */
  readonly beforeFile: string | undefined
  /** Which profile the caller gets, and what else the token says. */
  readonly profile: string | undefined
  readonly claims: Readonly<Record<string, unknown>>
  readonly dialect: DialectName
  readonly phone: boolean
  readonly content: boolean
}

/** An hour of speech both ways, in base64, is less than half of it. */
const MAX_BYTES = 256 * 1024 * 1024
const MAX_PROFILE_TOOLS = 128
/** Lines of the recording that are printed; all are counted. */
const MOST_SHOWN = 500

/** True: both decide the same. Rejects with a `UsageError` or a `ConfigError` for what cannot be read. */
export async function replay(options: ReplayOptions, print: (line: string) => void): Promise<boolean> {
  const text = textOf(options.file)
  if (text.startsWith('age-encryption.org/')) throw new UsageError(`${options.file} is encrypted: age -d -i key.txt opens it, on a machine that may read it.`, 'replay')
  if (isTranscript(text)) return replayTranscript(text, options, print)
  const recorded = readRecording(options.file, text)
  const before = sideOf('before', options.beforeFile, options, print)
  const after = sideOf('after', options.profilesFile, options, print)
  const unknown = [...new Set([...before.unknown, ...after.unknown])]
  if (unknown.length > 0) print(`left out: tools of MCP servers, which only their servers know (${unknown.join(', ')})`)
  const asked = [await askedGuards(before.guards, before.profile.guards), await askedGuards(after.guards, after.profile.guards)] as const
  tellNotAsked(new Set(asked.flatMap(({ notAsked }) => notAsked)), print)
  const found = differences(decide(recorded, options.dialect, before.profile, undefined, asked[0].ask), decide(recorded, options.dialect, after.profile, undefined, asked[1].ask))
  tell(found, recorded, options.content, print)
  return found.length === 0
}

/** Before the change is what the record says, so that no other profile is asked. */
async function replayTranscript(text: string, options: ReplayOptions, print: (line: string) => void): Promise<boolean> {
  const transcript = parseTranscript(text)
  if (!transcript.ok) throw new UsageError(`${options.file} ${transcript.problem}.`, 'replay')
  if (options.beforeFile !== undefined) throw new UsageError('--before is of no use with a transcript: what was decided is what it says.', 'replay')
  const { profile, guards, unknown } = sideOf('after', options.profilesFile, options, print)
  const { ask, redact, notAsked } = await askedGuards(guards, profile.guards)
  print(NOT_IN_TRANSCRIPT)
  tellNotAsked(new Set(notAsked), print)
  const isUnknown = (tool: string) => unknown.some((label) => tool.startsWith(namespaced(label, '')))
  return tellRejudged(rejudge(transcript.lines, { profile, ask, redact, isUnknown }), transcript.lines.length, options.content, print)
}

function tellNotAsked(guards: ReadonlySet<string>, print: (line: string) => void): void {
  if (guards.size > 0) print(`not asked: guards that are no patterns, which are taken to find nothing (${[...guards].join(', ')})`)
}

function tell(found: readonly Difference[], recorded: readonly RecordedEvent[], content: boolean, print: (line: string) => void): void {
  const byLine = new Map(recorded.map((one) => [one.line, one]))
  const startsAt = recorded[0]?.at ?? 0
  const toldAt = found.findIndex(({ toldOtherwise }) => toldOtherwise)
  const endsAt = found.findIndex(({ endsOne }) => endsOne)
  const shown = found.slice(0, endsAt < 0 ? MOST_SHOWN : Math.min(MOST_SHOWN, endsAt + 1))
  for (const [index, difference] of shown.entries()) {
    for (const line of differenceLines(difference, byLine.get(difference.line), startsAt, content)) print(line)
    if (index === toldAt) print('  From here on the service would have been told something else. What it says is still that of the recording.')
  }
  if (found.length > shown.length) print(endsAt >= 0 && endsAt < MOST_SHOWN ? '  From here on only one of the two sessions goes on.' : `… and ${found.length - shown.length} more`)
  const events = `${recorded.length} ${recorded.length === 1 ? 'event' : 'events'}`
  print(found.length === 0 ? `the same: ${events}` : `different: ${found.length} of ${events}${found[0]?.line === 0 ? ', the opening counted' : ''}`)
}

function readRecording(file: string, text: string): readonly RecordedEvent[] {
  const recording = parseRecording(text)
  if (!recording.ok) throw new UsageError(`${file} ${recording.problem}.`, 'replay')
  return recording.events
}

function textOf(file: string): string {
  let handle: number | undefined
  try {
    handle = openSync(file, 'r')
    const about = fstatSync(handle)
    if (!about.isFile()) throw new UsageError(`${file} is no file.`, 'replay')
    if (about.size > MAX_BYTES) throw new UsageError(`${file} is larger than ${MAX_BYTES / 1024 / 1024} MiB.`, 'replay')
    return readFileSync(handle, 'utf8')
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${file} cannot be read.`, 'replay')
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}

interface OneSide {
  readonly profile: SessionProfile
  readonly guards: readonly GuardConfig[]
  /** Labels of the profile's MCP servers whose tools are not known here. */
  readonly unknown: readonly string[]
}

function sideOf(side: 'before' | 'after', profilesFile: string | undefined, { profile: name, claims, phone }: ReplayOptions, print: (line: string) => void): OneSide {
  const config = configWith(side, profilesFile, print)
  const identity: Identity = {
    subject: 'replayed',
    issuer: undefined,
    tokenId: undefined,
    expiresAtMs: Number.POSITIVE_INFINITY,
    claims: { ...claims, ...(name !== undefined && { [config.profileClaim]: name }) },
    profile: name,
  }
  const unknown: string[] = []
  try {
    const { profile } = chooseProfile(config, (names) => toolSetOf(config, names, unknown), identity, undefined)
    return { profile: withBuiltIns(profile, phone), guards: config.guards, unknown }
  } catch (error) {
    if (error instanceof RefusalError) throw new UsageError(`${side}: there is no such profile.`, 'replay')
    throw error
  }
}

function configWith(side: 'before' | 'after', profilesFile: string | undefined, print: (line: string) => void): Config {
  const environment = processEnvironment()
  try {
    return loadConfig(checkTools, profilesFile === undefined ? environment : { ...environment, PROFILES_FILE: resolve(profilesFile) })
  } catch (error) {
    if (error instanceof ConfigError) print(`not readable: the configuration ${side} the change`)
    throw error
  }
}

/** As the registry would give them, but for what only an MCP server knows. */
function toolSetOf({ tools }: Config, names: readonly string[] | undefined, unknown: string[]): ToolSet {
  const chosen = tools.filter((tool) => names === undefined || names.includes(tool.kind === 'mcp' ? tool.label : tool.definition.name))
  unknown.push(...chosen.flatMap((tool) => (tool.kind === 'mcp' ? [tool.label] : [])))
  return {
    tools: chosen.flatMap(sessionTool).slice(0, MAX_PROFILE_TOOLS),
    run: () => Promise.reject(new Error('a replay runs no tool')),
  }
}

function sessionTool(tool: ToolConfig): readonly SessionTool[] {
  if (tool.kind === 'mcp') return []
  if (tool.kind === 'client') return [{ definition: tool.definition, owner: 'client' }]
  return [{ definition: tool.definition, owner: 'server', ...tool.handling }]
}
