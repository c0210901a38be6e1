// Lists every environment variable that the relay reads: name, parser, default, one line of documentation. README's table is made from it.

import { AUDIT_VARIABLES } from './audit-variables.js'
import { type ClientMaySet, joinOpenings, parseOpening } from './client-may-set.js'
import { endpointOf } from './endpoint.js'
import {
  boolean,
  bytes,
  decimal,
  list,
  matching,
  memory,
  oneOf,
  origin,
  type Parse,
  plainText,
  processes,
  proxyAddress,
  seconds,
  secretToken,
  sharedSecret,
  trustedProxies,
  wholeNumber,
} from './parse.js'
import { RECORDS_VARIABLES } from './records-variables.js'
import { REDIS_VARIABLES } from './redis-variables.js'
import { TELEMETRY_VARIABLES } from './telemetry-variables.js'
import { TELEPHONY_VARIABLES } from './telephony-variables.js'
import { TOKEN_VARIABLES } from './token-variables.js'
import { exact, optional, orFile, required } from './variable.js'

const MAX_SECONDS = 7 * 86_400
const DAY = 86_400
const deployment = matching(/^[^\s/?#&%\\]{1,128}$/, 'a deployment or model name: 1 to 128 characters without blanks, / ? # & % or \\')
const openings: Parse<ClientMaySet> = (text) => {
  const parsed = text === 'none' ? { value: [] } : list(parseOpening)(text)
  return 'value' in parsed ? { value: joinOpenings(parsed.value) } : parsed
}
const scope = matching(/^[\u0021-\u007e]{1,512}$/, 'a token scope such as https://cognitiveservices.azure.com/.default')
const host = matching(/^[A-Za-z0-9_.:[\]-]{1,253}$/, 'a host name or address to listen on')

export const ENTRA_SCOPE = 'https://cognitiveservices.azure.com/.default'
export const API_VERSION: Parse<string> = matching(/^(v1|\d{4}-\d{2}-\d{2}(-preview)?)$/, 'v1 or a dated version such as 2025-04-01-preview')

export const VARIABLES = {
  PORT: required(wholeNumber(0, 65_535), '8080', 'Port for clients. `/livez` and `/readyz` answer here as well. 0 takes a free one.'),
  HOST: required(host, '0.0.0.0', 'Address to listen on.'),
  LOG_LEVEL: required(
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
    'Least severe level that is logged. No level logs speech, prompts or credentials.',
  ),
  TLS_CERT_FILE: optional(plainText, 'PEM certificate chain, to serve `wss` directly. Reloaded when the file changes. Unset: plain `ws`, for use behind a TLS proxy.'),
  TLS_KEY_FILE: optional(plainText, 'PEM private key that belongs to `TLS_CERT_FILE`.'),

  AZURE_OPENAI_ENDPOINT: optional(
    endpointOf('azure'),
    'Azure resource, `https://<resource>.openai.azure.com`, or the deployment’s whole target URI, which may also name deployment and version. Plain `http` on loopback only.',
  ),
  AZURE_OPENAI_DEPLOYMENT: optional(deployment, 'Azure deployment name.'),
  AZURE_OPENAI_API_KEY: orFile(optional(secretToken, 'Azure key. Unset: Entra ID through the default credential chain.')),
  AZURE_OPENAI_SCOPE: required(scope, ENTRA_SCOPE, 'Scope of the Entra token.'),
  AZURE_OPENAI_API_VERSION: optional(API_VERSION, 'Unset or `v1`: GA. A dated preview: preview endpoint and dialect.'),
  OPENAI_API_KEY: orFile(optional(secretToken, 'OpenAI key, for the OpenAI upstream instead of Azure.')),
  OPENAI_MODEL: required(deployment, 'gpt-realtime', 'OpenAI model.'),
  OPENAI_BASE_URL: required(endpointOf('openai'), 'https://api.openai.com/v1', 'OpenAI base URL.'),
  UPSTREAMS: orFile(
    optional(
      plainText,
      'JSON list of several deployments: `{name, provider, endpoint, deployment, apiKey or entra, apiVersion, priority, weight, zone, tokensPerMinute, requestsPerMinute}`.',
    ),
  ),

  HTTPS_PROXY: optional(
    proxyAddress,
    'Proxy for everything that is dialled with TLS: upstreams, key set, Entra ID, tools, MCP servers and collectors. `https_proxy` wins over it.',
  ),
  HTTP_PROXY: optional(proxyAddress, 'Proxy for tools and MCP servers over plain `http`. `http_proxy` wins over it.'),
  NO_PROXY: optional(
    plainText,
    'Comma list of hosts that are dialled directly: a name with its subdomains, a name with a port, an address, a range (10.0.0.0/8), or `*`. `no_proxy` wins over it.',
  ),

  ...TOKEN_VARIABLES,
  ALLOW_QUERY_TOKEN: required(boolean, 'false', 'Accept tokens in the query string. Proxies and browsers may log them there.'),
  ALLOWED_ORIGINS: optional(
    list(origin),
    'Comma list of exact origins. Browsers from elsewhere get 403. Requests without `Origin`, or with the relay’s own address as `Origin`, pass. Unset: pages from elsewhere are refused.',
  ),

  INSTRUCTIONS: orFile(optional(plainText, 'Instructions for the model. `{{claims.name}}` is filled from the verified token.')),
  TOOLS: orFile(optional(plainText, 'JSON list of tools.')),
  GUARDS: orFile(optional(plainText, 'JSON list of guards, which check what users, model and tools say.')),
  SESSION: orFile(optional(plainText, 'JSON session fields in GA form that the server sets.')),
  CLIENT_MAY_SET: required(
    openings,
    'audio.output.voice,audio.input.turn_detection,output_modalities',
    'Comma list of session fields a client may override, or `none`. An entry may list the allowed values.',
  ),
  CLIENT_MAY_SEED_HISTORY: required(boolean, 'false', 'Let clients add earlier assistant messages to the conversation.'),
  PROFILES_FILE: optional(
    plainText,
    'JSON map of name to `{instructions, tools, session, clientMaySet, limits, relayEvents, clientTools, toolNoticeMs, toolFiller, onCutAnswer, bargeIn, protectMs, minSpeechMs, truncate, manners, record, guards, blockedLine, blockedMessage, maxBlocks, tellModel}`.',
  ),
  PRICES_FILE: optional(plainText, 'JSON table of what models cost, by deployment or model, such as `deploy/examples/prices.json`. Unset: no money is counted.'),
  QUOTA_FAIL_OPEN: required(boolean, 'true', 'Let users with a quota go on while Redis is unreachable. `false` refuses their responses meanwhile.'),
  FORWARD_RATE_LIMITS: required(boolean, 'false', 'Pass `rate_limits.updated` on to clients.'),

  ...REDIS_VARIABLES,

  MAX_SESSIONS: required(wholeNumber(1, 1_000_000), '1000', 'Most sessions at once in this relay. Divided among its `WORKERS`.'),
  MAX_MEMORY_BYTES: required(
    memory(16_777_216, 1_099_511_627_776),
    'auto',
    'Refuse new sessions above this much resident memory (all `WORKERS` together), until three quarters of it are in use at most. `auto`: 90 % of the container’s limit. `off`: never. Unless `off`, new sessions are also refused above 90 % of V8’s heap.',
  ),
  MAX_SESSIONS_PER_USER: required(wholeNumber(1, 100_000), '5', 'Most sessions at once of one subject, over all relays that share a Redis.'),
  MAX_SESSION_SECONDS: required(seconds(0.1, MAX_SECONDS), '7200', 'Longest session. It may be longer than an upstream allows: the session moves to a fresh one before.'),
  IDLE_TIMEOUT_SECONDS: required(seconds(0.1, DAY), '300', 'Longest time without a client event, a response or a running tool.'),
  DRAIN_SECONDS: required(seconds(0, 3600), '25', 'Longest shutdown after SIGTERM. Keep it below the platform’s own limit.'),
  RESUME_SECONDS: required(seconds(0, 3600), '60', 'How long a session waits for a client that asked to be allowed back. 0: none is.'),
  RESUME_BUFFER_BYTES: required(
    bytes(16_384, 67_108_864),
    '2 MiB',
    'Most bytes of messages that are kept for such a client, to be sent again. All clients of a process have 64 times as much together.',
  ),
  RESUME_STORE: required(
    oneOf('memory', 'redis'),
    'memory',
    'Where such a client may come back to: `memory`, to the process that has its session; `redis`, to any that shares `REDIS_URL`, and a drain moves its session there.',
  ),
  RESUME_SNAPSHOTS: required(boolean, 'false', 'Keep such sessions in Redis after every turn, sealed, so that they outlive their process. Needs `RESUME_STORE=redis`.'),
  HANDSHAKE_TIMEOUT_SECONDS: required(seconds(0.1, 120), '10', 'Longest time from connection to upgrade, TLS included.'),
  UPSTREAM_CONNECT_TIMEOUT_SECONDS: required(seconds(0.1, 120), '10', 'Longest dial of an upstream, and longest wait for the configured session after it.'),
  UPSTREAM_RECONNECT_SECONDS: required(
    seconds(0, 120),
    '10',
    'How long a session is held while its lost upstream is dialled again and told the conversation. 0: a session ends with its upstream.',
  ),
  RECONNECTS_PER_SECOND: required(
    decimal(0.1, 10_000),
    '20',
    'Most lost upstreams a second that one process replaces. Sessions in which somebody speaks or waits for an answer go first. A silent one waits up to a minute.',
  ),
  AUDIO_BUFFER_BYTES: required(
    bytes(0, 67_108_864),
    '2 MiB',
    'Most bytes of one client’s last audio that are kept, so that an upstream that replaces a lost one can hear it. All sessions of a process have 64 times as much together. 0: none.',
  ),
  UPSTREAM_SESSION_SECONDS: required(
    seconds(0, MAX_SECONDS),
    '1800',
    'How long an upstream keeps a session, if it does not say so. A session that lasts longer moves to a fresh one before. 0: it does not, and goes on after the loss.',
  ),
  PING_INTERVAL_SECONDS: required(seconds(0.1, 3600), '20', 'Send a ping after this long without traffic in one direction. Disconnect a peer that stays silent for twice as long.'),
  MAX_MESSAGE_BYTES: required(
    bytes(1024, 67_108_864),
    '4 MiB',
    'Largest message that a client may send, and the only limit of its size. Of audio one message may hold 15 MiB decoded, as the service allows.',
  ),
  MESSAGES_PER_SECOND: required(
    decimal(1, 100_000),
    '200',
    'Most messages a second from one client. Pings, pongs and fragments below 1 KiB count as well. A client that sends more is read more slowly. A burst may be five seconds’ worth.',
  ),
  BYTES_PER_SECOND: required(bytes(16_384, 1_073_741_824), '2 MiB', 'Most bytes a second from one client, with the same bursts.'),
  AUDIO_SECONDS_PER_SECOND: required(
    decimal(1, 10_000),
    '20',
    'Most seconds of audio a second from one client, with the same bursts. Counted as 24 kHz PCM, so G.711 may come six times as fast.',
  ),
  RESPONSES_PER_MINUTE: required(decimal(1, 100_000), '60', 'Most responses a minute that one client may ask for. A burst may be ten.'),
  SESSION_UPDATES_PER_MINUTE: required(decimal(1, 100_000), '60', 'Most session updates a minute from one client. A burst may be twenty.'),
  MAX_ITEMS_PER_SESSION: required(wholeNumber(1, 1_000_000), '2000', 'Most conversation items that one client may create in a session.'),
  CLIENT_BUFFER_BYTES: required(
    bytes(16_384, 268_435_456),
    '1 MiB',
    'Most bytes held for a client before its session is live, and in either outgoing buffer before reading pauses.',
  ),
  SLOW_CLIENT_SECONDS: required(seconds(0.1, 3600), '30', 'Disconnect a client if output waits for it and it reads nothing for this long.'),
  CONNECTS_PER_SECOND: required(decimal(0.01, 100_000), '50', 'Most new connections a second from one address, and of one subject. A burst may be twice as many.'),
  TOOL_TIMEOUT_SECONDS: required(seconds(0.05, 600), '10', 'Longest call of a tool that sets no limit of its own.'),
  TOOL_MAX_BYTES: required(bytes(256, 8_388_608), '64 KiB', 'Longest output of a tool. The rest is cut.'),
  TOOL_MAX_ROUNDS: required(wholeNumber(1, 100), '8', 'Most rounds of tool calls in a row without a new turn of the user.'),
  TOOL_MAX_CONCURRENT: required(wholeNumber(1, 64), '4', 'Most tool calls at work at once in one session.'),
  TOOL_CALLS_PER_MINUTE: required(decimal(1, 100_000), '60', 'Most tool calls a minute in one session. A burst may be sixteen.'),
  TOOL_APPROVAL_TIMEOUT_SECONDS: required(seconds(1, 600), '30', 'Time that a client has to approve a call that needs it. No answer means no.'),
  TOOL_IDENTITY_SECRET: orFile(exact(sharedSecret, 'Secret that signs who is calling, for HTTP tools with `identity`. At least 32 bytes.')),
  LOG_TOOL_PAYLOADS: required(boolean, 'false', 'Log arguments and outputs of tools, personal data included. For finding mistakes, never for production.'),

  TRUST_PROXY: optional(trustedProxies, 'Believe the `X-Forwarded-*` headers of these proxies: `true`, or a comma list of addresses and ranges.'),
  REFUSE_AFTER_UPGRADE: required(boolean, 'false', 'Refuse with an `error` event and a close code after the upgrade, which browser pages can read.'),
  CLIENT_DIALECT: required(oneOf('ga', 'preview'), 'ga', 'Dialect of a client if path, headers and query do not tell.'),
  WEBRTC: required(
    oneOf('off', 'media-only', 'shared'),
    'off',
    'WebRTC calls. `media-only`: callers speak and hear, and have no data channel. `shared`: they have one, past the relay, as unmodified SDKs need it.',
  ),
  WEBRTC_CONFIDENTIAL_TOOLS: required(
    oneOf('refuse', 'allow'),
    'refuse',
    'Whether `shared` may go with tools marked `confidential`: callers can read their results on the data channel.',
  ),
  CALLS_JOURNAL: optional(
    plainText,
    'File that lists running calls, for a relay without Redis: after a crash, its next start hangs them up. Unset: they go on unmetered until the service ends them.',
  ),
  CALLS_SECRET: orFile(
    exact(
      sharedSecret,
      'Seals what another relay needs to take over a call of one that died or drains, and names callers on the telephone. At least 32 bytes. Unset: `JWT_SECRET` or a key of the upstreams does; without any, such calls are hung up.',
    ),
  ),
  WARM_POOL_SIZE: required(wholeNumber(0, 256), '0', 'Connections kept open ahead to each upstream, so that a session does not wait for a handshake.'),
  WORKERS: required(processes(128), '1', 'Processes that share the ports. `auto`: one for each processor. More than one needs `REDIS_URL`.'),
  ADMIN_PORT: required(wholeNumber(0, 65_535), '9090', 'Port for probes, `/metrics`, the admin API and the operators’ page. 0 takes a free one.'),
  ADMIN_HOST: required(host, '127.0.0.1', 'Address of the admin port.'),
  METRICS_FORMAT: required(oneOf('text', 'openmetrics'), 'text', 'Format of `/metrics`. `openmetrics` adds examples of traces to histograms.'),

  ...AUDIT_VARIABLES,
  ...RECORDS_VARIABLES,
  ...TELEPHONY_VARIABLES,
  ...TELEMETRY_VARIABLES,
} as const

export type VariableName = keyof typeof VARIABLES
export const variableNames = Object.keys(VARIABLES) as readonly VariableName[]
