// Describes a configuration to an operator: a summary without secrets, and warnings for the start.
import { callWarnings } from './call-warnings.js'
import { openingTexts } from './client-may-set.js'
import type { Config, ToolConfig, UpstreamConfig } from './config.js'
import type { GuardConfig } from './guard-config.js'
import { renamedSentence } from './renamed.js'
import { webrtcIsOn, webrtcMode } from './webrtc.js'

/** Rows of name and value for `check`, without credentials and without the text of instructions. */
export function describeConfig(config: Config): readonly (readonly [name: string, value: string])[] {
  const { limits, toolLimits } = config
  return [
    ['listen', `${config.tls ? 'wss' : 'ws'} on ${config.host}:${config.port}, admin on ${config.admin.host}:${config.admin.port}`],
    ...config.upstreams.map((upstream) => [`upstream ${upstream.name}`, describeUpstream(upstream)] as const),
    ['proxy', describeProxies(config)],
    ['tokens', describeAuth(config)],
    ['origins', config.allowedOrigins?.join(', ') ?? 'no browser page'],
    ...Object.entries(config.profiles).map(([name, profile]) => {
      const tools = profile.toolNames === undefined ? 'all tools' : `tools: ${profile.toolNames.join(', ') || 'none'}`
      const text = `${profile.instructions.length} characters of instructions, ${tools}, clients may set: ${openingTexts(profile.clientMaySet, profile.clientMaySetValues).join(', ') || 'nothing'}`
      return [`profile ${name}`, text] as const
    }),
    ...config.tools.map((tool) => [`tool ${tool.kind === 'mcp' ? tool.label : tool.definition.name}`, describeTool(tool)] as const),
    ...config.guards.map((guard) => [`guard ${guard.name}`, describeGuard(guard)] as const),
    [
      'WebRTC',
      Object.keys(config.profiles)
        .map((name) => `${name}: ${webrtcMode(config, name)}`)
        .join(', '),
    ],
    ['telephone', describeTelephony(config)],
    ['telemetry', describeTelemetry(config)],
    ...config.renamed.map(({ from, to, until }) => [`renamed ${from}`, `read as ${to}, until version ${until}`] as const),
    ['limits store', config.redis ? `Redis, keys under ${config.redis.keyPrefix}` : 'in process'],
    ['sessions', `${limits.maxSessions} at once, ${limits.maxSessionsPerUser} a user, ${limits.maxSessionMs / 1000} s long, ${limits.idleTimeoutMs / 1000} s idle`],
    ['messages', `${limits.maxMessageBytes} bytes, ${limits.messagesPerSecond} a second, ${limits.clientBufferBytes} bytes buffered`],
    ['tool calls', `${toolLimits.timeoutMs / 1000} s, ${toolLimits.maxBytes} bytes, ${toolLimits.maxRounds} rounds, ${toolLimits.maxConcurrent} at once`],
  ]
}

/** One sentence for each setting that is weaker than it could be or keeps something from working. The server logs them at start. */
export function configWarnings(config: Config): readonly string[] {
  const plain = config.tools
    .filter((tool) => urlOf(tool)?.protocol === 'http:')
    .map((tool) => (tool.kind === 'mcp' ? tool.label : tool.kind === 'http' ? tool.definition.name : ''))
  const plainGuards = config.guards.flatMap(({ name, run }) => (run.kind === 'http' && run.url.protocol === 'http:' ? [name] : []))
  const unused = config.guards.filter(({ name }) => !Object.values(config.profiles).some(({ guards }) => guards?.guards.some((one) => one.name === name))).map(({ name }) => name)
  const warnings: readonly (readonly [boolean, string])[] = [
    [config.redis === undefined, 'REDIS_URL is not set: limits and revocations hold for this process only'],
    [config.allowedOrigins === undefined, 'ALLOWED_ORIGINS is not set: browser pages from elsewhere are refused'],
    [config.auth.allowQueryToken, 'ALLOW_QUERY_TOKEN is on: tokens may end in the logs of proxies and browsers'],
    [
      config.auth.issuer === undefined || (config.auth.audience === undefined && config.auth.clientIds === undefined),
      'JWT_ISSUER or JWT_AUDIENCE is not set: a token made for another service with the same key is accepted here',
    ],
    [config.trustProxy === true, 'TRUST_PROXY is true: any peer can claim any address'],
    [config.profiles.default?.instructions === '', 'INSTRUCTIONS is not set: the model has no instructions in the default profile'],
    [
      webrtcIsOn(config) && config.redis === undefined && config.webrtc.journal === undefined,
      'WebRTC is on, and neither REDIS_URL nor CALLS_JOURNAL is set: calls of a relay that is killed go on unmetered until the service ends them',
    ],
    [
      config.telephony !== undefined && config.redis === undefined,
      'Telephone calls are on and REDIS_URL is not set: if there are several relays, a media socket that comes to another than its call is refused',
    ],
    [config.redis !== undefined && config.webrtc.journal !== undefined, 'CALLS_JOURNAL is set and not used: running calls are listed in Redis'],
    [config.toolLimits.logPayloads, 'LOG_TOOL_PAYLOADS is on: arguments and outputs of tools, and so what users say, are in the log'],
    [config.telemetry?.trustsClient === true, 'TRACE_TRUST_CLIENT is on: any client can join another trace, and have all its sessions traced'],
    [
      config.telemetry?.content === true && config.telemetry.traces !== undefined,
      'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is on: traces hold what users, model and tools say',
    ],
    [
      Object.values(config.profiles).some(({ record }) => record === 'audio') && (webrtcIsOn(config) || config.telephony?.sip !== undefined),
      'record is audio in a profile, and calls by WebRTC or SIP are on: their sound goes past the relay, and only their transcript is kept',
    ],
    [unused.length > 0, `Guards that no profile has: ${unused.join(', ')}`],
    [plainGuards.length > 0, `Guards reached over plain http: ${plainGuards.join(', ')}`],
    [plain.length > 0, `Tools reached over plain http: ${plain.join(', ')}`],
  ]
  return [...config.renamed.map(renamedSentence), ...warnings.filter(([applies]) => applies).map(([, text]) => text), ...callWarnings(config)]
}

function describeUpstream(upstream: UpstreamConfig): string {
  const credential = upstream.apiKey ? 'key' : `Entra ID (${upstream.entraScope})`
  return `${upstream.provider} ${upstream.endpoint.origin}, ${upstream.deployment}, ${upstream.apiVersion ?? 'v1'}, ${credential}, priority ${upstream.priority}, weight ${upstream.weight}`
}

function describeProxies({ proxies: { https, http, except } }: Config): string {
  const named = [https, http].flatMap((proxy) => (proxy ? [`${proxy.setting} ${proxy.address}`] : []))
  return named.length === 0 ? 'none' : `${named.join(', ')}${except.length > 0 ? `; not for ${except.join(', ')}` : ''}`
}

function describeTelemetry({ telemetry }: Config): string {
  if (!telemetry) return 'none'
  const signals = (['traces', 'metrics', 'logs'] as const).flatMap((signal) => (telemetry[signal] ? [`${signal} to ${telemetry[signal].url.origin}`] : []))
  return `${signals.join(', ')}; ${telemetry.sampleRatio * 100} % of sessions${telemetry.content && telemetry.traces ? ', with what is said' : ''}`
}

function describeTelephony({ telephony }: Config): string {
  if (!telephony) return 'none'
  const { acs, twilio, sip, publicUrl, profiles, limits } = telephony
  const carriers = [acs && 'Azure Communication Services', twilio && 'Twilio', sip && 'SIP'].filter((name) => name !== undefined)
  return `${carriers.join(', ')} at ${publicUrl.origin}, ${Object.keys(profiles).length} numbers, ${limits.total} calls at once, ${limits.perCaller} a caller`
}

function describeAuth({ auth }: Config): string {
  const how = auth.key.kind === 'jwks' ? `key set ${auth.key.url.origin}` : auth.key.kind === 'public' ? 'public key' : 'shared secret'
  const audience = auth.audience ?? (auth.clientIds ? 'none' : 'any')
  const required = Object.keys(auth.requiredClaims ?? {})
  const more = [...(auth.clientIds ? [`client ${auth.clientIds.join(' or ')}`] : []), ...(required.length === 0 ? [] : [`required claims ${required.join(', ')}`])]
  return [how, ...auth.algorithms, `issuer ${auth.issuer ?? 'any'}`, `audience ${audience}`, ...more].join(', ')
}

function describeGuard({ run, on, mode, timeoutMs, whenUnsure }: GuardConfig): string {
  const how = {
    patterns: 'patterns',
    http: run.kind === 'http' ? run.url.origin : '',
    module: run.kind === 'module' ? run.file : '',
    azure: run.kind === 'azure' ? run.endpoint.origin : '',
  }[run.kind]
  return `${how}, on ${on.join(', ')}, ${mode}${run.kind === 'patterns' ? '' : `, ${timeoutMs} ms, then ${whenUnsure}`}`
}

function describeTool(tool: ToolConfig): string {
  if (tool.kind === 'client') return 'answered by the client'
  if (tool.kind === 'module') return `${tool.file}#${tool.exportName}`
  if (tool.kind === 'http') return `${tool.run.method} ${urlOf(tool)?.origin ?? ''}`
  return 'url' in tool.transport ? `MCP at ${tool.transport.url.origin}` : `MCP started as ${tool.transport.command}`
}

function urlOf(tool: ToolConfig): URL | undefined {
  if (tool.kind === 'http') return new URL(tool.run.url.replace(/[{}]/g, ''))
  return tool.kind === 'mcp' && 'url' in tool.transport ? tool.transport.url : undefined
}
