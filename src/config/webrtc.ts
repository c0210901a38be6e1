// Reads how WebRTC calls are served, and finds settings that would not go together.
import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Config, ToolConfig, UpstreamConfig, WebrtcMode } from './config.js'
import type { EnvReader, Problems } from './environment.js'
import { quoted } from './json-fields.js'

const LEAST_SECRET_BYTES = 32

export function readWebrtc(env: EnvReader, cwd: string, problems: Problems): Config['webrtc'] {
  const secret = env.get('CALLS_SECRET')
  if (secret && secret.bytes < LEAST_SECRET_BYTES) problems.add('CALLS_SECRET', `is too short: at least ${LEAST_SECRET_BYTES} bytes`)
  const named = env.get('CALLS_JOURNAL')
  const journal = named === undefined ? undefined : resolve(cwd, named)
  if (journal !== undefined && !isFolder(dirname(journal))) problems.add('CALLS_JOURNAL', 'names a file in a folder that does not exist')
  if (journal !== undefined && isFolder(journal)) problems.add('CALLS_JOURNAL', 'names a folder: it must be a file')
  return { mode: env.get('WEBRTC'), journal, secret: secret?.secret }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

export function webrtcMode({ webrtc, profiles }: Pick<Config, 'webrtc' | 'profiles'>, profileName: string): WebrtcMode {
  return profiles[profileName]?.webrtc ?? webrtc.mode
}

/** Whether anybody may call. */
export function webrtcIsOn(config: Pick<Config, 'webrtc' | 'profiles'>): boolean {
  return Object.keys(config.profiles).some((name) => webrtcMode(config, name) !== 'off')
}

/** Only the GA form of the service has calls. */
export function takesCalls({ provider, apiVersion }: Pick<UpstreamConfig, 'provider' | 'apiVersion'>): boolean {
  return provider === 'openai' || (provider === 'azure' && (apiVersion === undefined || apiVersion === '' || apiVersion === 'v1'))
}

export function checkWebrtc(config: Pick<Config, 'webrtc' | 'profiles' | 'tools' | 'upstreams'>, allowsConfidential: boolean, problems: Problems): void {
  if (webrtcIsOn(config) && config.upstreams.length > 0 && !config.upstreams.some(takesCalls))
    problems.add('WEBRTC', 'is on and no upstream takes calls: they need Azure OpenAI without a dated version, or OpenAI')
  if (allowsConfidential) return
  for (const [name, { toolNames }] of Object.entries(config.profiles)) {
    if (webrtcMode(config, name) !== 'shared') continue
    const open = config.tools.filter((tool) => isConfidential(tool) && namesOf(tool).some((one) => toolNames?.includes(one) ?? true)).map((tool) => quoted(namesOf(tool)[0] ?? ''))
    if (open.length > 0)
      problems.add(
        'WEBRTC',
        `is shared in the profile ${quoted(name)}, whose callers could read results of confidential tools: ${open.join(', ')}; WEBRTC_CONFIDENTIAL_TOOLS=allow permits that`,
      )
  }
}

function isConfidential(tool: ToolConfig): boolean {
  return tool.kind !== 'client' && tool.confidential === true
}

/** By these a profile may name it. */
function namesOf(tool: ToolConfig): readonly string[] {
  return tool.kind === 'mcp' ? [tool.label, ...(tool.allowedTools ?? [])] : [tool.definition.name]
}
