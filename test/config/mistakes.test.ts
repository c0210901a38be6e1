// Every mistake is listed, all at once, by the name of its variable, with what would be right; nothing that may be secret is repeated.
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/config-error.js'
import { loadConfig } from '../../src/config/load.js'
import { VARIABLES, variableNames } from '../../src/config/variables.js'
import { checkTools } from '../../src/tools/check.js'

const folder = mkdtempSync(join(tmpdir(), 'relay-mistakes-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return name
}
/** As users write it: filled from the environment at start. */
const slot = (name: string) => `$\{${name}}`
const secret = 'a-shared-secret-of-more-than-32-bytes'
const upstream = { AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'voice' }
const least = { ...upstream, JWT_SECRET: secret }

function mistakes(env: Record<string, string | undefined>, mode: 'serve' | 'demo' = 'serve'): readonly string[] {
  try {
    loadConfig(checkTools, env, { mode, cwd: folder })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

const pair = (type: 'rsa' | 'rsa-pss' | 'ec' | 'ed25519' | 'x25519', options: object = {}) =>
  generateKeyPairSync(type as 'rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, ...options })
const rsa = pair('rsa')
const p256 = pair('ec', { namedCurve: 'P-256' })

const rows: readonly (readonly [why: string, env: Record<string, string>, ...says: RegExp[]])[] = [
  ['two ways to verify', { JWT_PUBLIC_KEY: rsa.publicKey }, /^Tokens: JWT_SECRET, JWT_PUBLIC_KEY are set.*exactly one/],
  ['a secret shorter than its hash', { JWT_SECRET: 'short' }, /^JWT_SECRET is 5 bytes long, HS256 needs at least 32/],
  ['a secret too short for the stronger algorithm', { JWT_ALGORITHMS: 'HS256,HS512' }, /HS512 needs at least 64/],
  ['a secret with a stray blank', { JWT_SECRET: `${secret} ` }, /^JWT_SECRET must not begin or end/],
  ['an algorithm of another family', { JWT_ALGORITHMS: 'RS256' }, /^JWT_ALGORITHMS names RS256, which JWT_SECRET cannot verify/],
  ['no algorithm at all', { JWT_ALGORITHMS: 'none' }, /^JWT_ALGORITHMS names none, which/],
  [
    'a key set without issuer and audience',
    { JWT_SECRET: '', JWKS_URL: 'https://keys.example.com' },
    /^JWT_ISSUER is missing/,
    /^JWT_AUDIENCE is missing: .*set JWT_CLIENT_ID instead$/,
  ],
  ['a key set with a client id alone', { JWT_SECRET: '', JWKS_URL: 'https://keys.example.com', JWT_CLIENT_ID: 'c' }, /^JWT_ISSUER is missing/],
  ['a key set over plain http', { JWT_SECRET: '', JWKS_URL: 'http://keys.example.com', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' }, /^JWKS_URL must be https/],
  [
    'a key set with HMAC',
    { JWT_SECRET: '', JWKS_URL: 'https://k.example.com', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a', JWT_ALGORITHMS: 'HS256' },
    /HS256, which JWKS_URL cannot verify/,
  ],
  ['required claims that are no object', { JWT_REQUIRED_CLAIMS: '["scp"]' }, /^JWT_REQUIRED_CLAIMS must be a JSON object of 1 to 32 names$/],
  ['required claims that require nothing', { JWT_REQUIRED_CLAIMS: '{}' }, /^JWT_REQUIRED_CLAIMS must be a JSON object of 1 to 32 names$/],
  ['required claims that are cut', { JWT_REQUIRED_CLAIMS: '{"scp":' }, /^JWT_REQUIRED_CLAIMS is not valid JSON/],
  ['a required number', { JWT_REQUIRED_CLAIMS: '{"level":2}' }, /^JWT_REQUIRED_CLAIMS "level" must be text, true or false, or a list of them: a number is written as text$/],
  ['a required claim without a value', { JWT_REQUIRED_CLAIMS: '{"scp":[]}' }, /^JWT_REQUIRED_CLAIMS "scp" must be text/],
  ['a required claim with an empty value', { JWT_REQUIRED_CLAIMS: '{"scp":""}' }, /^JWT_REQUIRED_CLAIMS "scp" must be text/],
  ['a required claim with a blank in its name', { JWT_REQUIRED_CLAIMS: '{"my scp":"x"}' }, /^JWT_REQUIRED_CLAIMS "my scp" is no name of a claim$/],
  ['a map to a profile that is not there', { JWT_PROFILE_MAP: '{"Staff":"staff"}' }, /^JWT_PROFILE_MAP "Staff" names no profile that PROFILES_FILE has$/],
  ['a map to something else', { JWT_PROFILE_MAP: '{"Staff":["default"]}' }, /^JWT_PROFILE_MAP "Staff" names no profile/],
  ['a map whose order would be lost', { JWT_PROFILE_MAP: '{"b":"default","1":"default"}' }, /^JWT_PROFILE_MAP "1" cannot be a value here/],
  ['a claim of scopes with a blank', { JWT_SCOPE_CLAIM: 'my scopes' }, /^JWT_SCOPE_CLAIM must be a claim name/],
  ['a private key in place of the public one', { JWT_SECRET: '', JWT_PUBLIC_KEY: rsa.privateKey }, /^JWT_PUBLIC_KEY holds a private key/],
  ['no key', { JWT_SECRET: '', JWT_PUBLIC_KEY: 'ssh-rsa AAAA' }, /^JWT_PUBLIC_KEY is not a public key/],
  ['a weak RSA key', { JWT_SECRET: '', JWT_PUBLIC_KEY: pair('rsa', { modulusLength: 1024 }).publicKey }, /has 1024 bits/],
  ['a key that does not sign', { JWT_SECRET: '', JWT_PUBLIC_KEY: pair('x25519').publicKey }, /kind that signs no tokens/],
  ['an odd curve', { JWT_SECRET: '', JWT_PUBLIC_KEY: pair('ec', { namedCurve: 'secp256k1' }).publicKey }, /kind that signs no tokens/],
  [
    'an RSA-PSS key with another algorithm',
    { JWT_SECRET: '', JWT_PUBLIC_KEY: pair('rsa-pss').publicKey, JWT_ALGORITHMS: 'RS256' },
    /RS256, which JWT_PUBLIC_KEY cannot verify; it can verify PS256, PS384, PS512/,
  ],
  [
    'an RSA-PSS key with another hash',
    { JWT_SECRET: '', JWT_PUBLIC_KEY: pair('rsa-pss', { hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256' }).publicKey, JWT_ALGORITHMS: 'PS512' },
    /PS512, which JWT_PUBLIC_KEY cannot verify; it can verify PS256$/,
  ],
  [
    'an RSA-PSS key with a hash of no algorithm',
    { JWT_SECRET: '', JWT_PUBLIC_KEY: pair('rsa-pss', { hashAlgorithm: 'sha1', mgf1HashAlgorithm: 'sha1' }).publicKey },
    /^JWT_PUBLIC_KEY is an RSA-PSS key for sha1 and MGF1 with sha1, which no token algorithm uses: make one for SHA-256, SHA-384 or SHA-512/,
  ],
  ['a weak RSA-PSS key', { JWT_SECRET: '', JWT_PUBLIC_KEY: pair('rsa-pss', { modulusLength: 1024 }).publicKey }, /has 1024 bits/],
  ['a number that would be rounded', { SESSION: '{"a/b":[2512292042121000001]}' }, /^SESSION has a number at "\/a~1b\/0" that would be rounded: write it as text/, /unknown field/],
  [
    'a rounded value in a tool’s schema',
    { TOOLS: '[{"type":"function","name":"t","run":"client","parameters":{"type":"object","properties":{"id":{"enum":[2512292042121000001],"maximum":9223372036854775807}}}}]' },
    /^TOOLS has a number at "\/0\/parameters\/properties\/id\/enum\/0" that would be rounded/,
  ],
  ['a field that stands twice', { SESSION: '{"truncation":"auto","truncation":"disabled"}' }, /^SESSION has "truncation" twice in one object: keep one of them/],
  ['an algorithm with the name of a method', { JWT_ALGORITHMS: 'toString' }, /^JWT_ALGORITHMS names toString, which/],
  ['an algorithm of another curve', { JWT_SECRET: '', JWT_PUBLIC_KEY: p256.publicKey, JWT_ALGORITHMS: 'ES384' }, /ES384, which JWT_PUBLIC_KEY cannot verify; it can verify ES256/],
  ['a clock tolerance beyond a minute', { JWT_CLOCK_TOLERANCE_S: '61' }, /^JWT_CLOCK_TOLERANCE_S must be/],

  ['two kinds of upstream', { OPENAI_API_KEY: 'sk' }, /^Upstream: AZURE_OPENAI_ENDPOINT, OPENAI_API_KEY are set/],
  [
    'half an upstream, and a near miss',
    { AZURE_OPENAI_DEPLOYMENT: '', AZURE_OPENAI_DEPLOYMENT_NAME: 'voice' },
    /^AZURE_OPENAI_DEPLOYMENT is missing.*"AZURE_OPENAI_DEPLOYMENT_NAME" is not read/,
    /^AZURE_OPENAI_DEPLOYMENT_NAME is not known/,
  ],
  ['a plain http endpoint', { AZURE_OPENAI_ENDPOINT: 'http://r.example.com' }, /^AZURE_OPENAI_ENDPOINT must be https/],
  ['a host that only looks like loopback', { AZURE_OPENAI_ENDPOINT: 'http://127.0.0.1.example.com' }, /must be https/],
  ['a copied endpoint with its query', { AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com/openai?api-version=v1' }, /no \? or # part/],
  ['no scheme', { AZURE_OPENAI_ENDPOINT: 'r.openai.azure.com' }, /must be a URL/],
  ['a version that is none', { AZURE_OPENAI_API_VERSION: 'v2' }, /^AZURE_OPENAI_API_VERSION must be v1 or/],
  ['a key with a line break', { AZURE_OPENAI_API_KEY: 'abc\ndef' }, /^AZURE_OPENAI_API_KEY must be printable/],
  ['OpenAI without its key', { AZURE_OPENAI_ENDPOINT: '', AZURE_OPENAI_DEPLOYMENT: '', OPENAI_MODEL: 'gpt' }, /^OPENAI_API_KEY is missing/],

  ['a number that is none', { PORT: '80a' }, /^PORT must be a whole number from 0 to 65535/],
  ['a negative duration', { IDLE_TIMEOUT_SECONDS: '-1' }, /^IDLE_TIMEOUT_SECONDS must be a number/],
  ['a duration in words', { DRAIN_SECONDS: '5m' }, /^DRAIN_SECONDS must be a number from 0 to 3600 seconds/],
  ['an exponent', { MESSAGES_PER_SECOND: '1e3' }, /^MESSAGES_PER_SECOND/],
  ['an unknown unit', { MAX_MESSAGE_BYTES: '4 GB' }, /^MAX_MESSAGE_BYTES must be/],
  ['no boolean', { FORWARD_RATE_LIMITS: 'yes' }, /^FORWARD_RATE_LIMITS must be true or false/],
  ['an unknown level', { LOG_LEVEL: 'verbose' }, /^LOG_LEVEL must be one of/],
  ['several processes without a store they share', { WORKERS: '4' }, /^WORKERS is 4 and REDIS_URL is missing/],
  ['more processes than sessions', { WORKERS: '4', REDIS_URL: 'redis://localhost', MAX_SESSIONS: '3' }, /^MAX_SESSIONS is 3, less than the 4 WORKERS/],
  ['sessions that move without a store they share', { RESUME_STORE: 'redis' }, /^RESUME_STORE is redis and REDIS_URL is missing$/],
  [
    'sessions that move and are never restored',
    { RESUME_STORE: 'redis', REDIS_URL: 'redis://localhost', UPSTREAM_RECONNECT_SECONDS: '0' },
    /^RESUME_STORE is redis and UPSTREAM_RECONNECT_SECONDS is 0/,
  ],
  [
    'sessions that move and that nobody comes back to',
    { RESUME_STORE: 'redis', REDIS_URL: 'redis://localhost', RESUME_SECONDS: '0' },
    /^RESUME_STORE is redis and RESUME_SECONDS is 0/,
  ],
  ['snapshots without a store for them', { RESUME_SNAPSHOTS: 'true' }, /^RESUME_SNAPSHOTS is true and RESUME_STORE is not redis$/],
  ['another mode of calls', { WEBRTC: 'on' }, /^WEBRTC must be one of off, media-only, shared$/],
  ['calls without an upstream that takes them', { WEBRTC: 'media-only', AZURE_OPENAI_API_VERSION: '2025-04-01-preview' }, /^WEBRTC is on and no upstream takes calls: they need/],
  [
    'calls that show what is confidential',
    { WEBRTC: 'shared', TOOLS: '[{"type":"function","name":"pay","confidential":true,"run":{"http":{"url":"https://pay.example.com"}}}]' },
    /^WEBRTC is shared in the profile "default", whose callers could read results of confidential tools: "pay"; WEBRTC_CONFIDENTIAL_TOOLS=allow permits that$/,
  ],
  [
    'a confidential server of tools',
    { WEBRTC: 'shared', TOOLS: '[{"type":"mcp","server_label":"crm","url":"https://crm.example.com","confidential":true}]' },
    /^WEBRTC is shared in the profile "default".*: "crm";/,
  ],
  [
    'a confidential tool of the client’s',
    { TOOLS: '[{"type":"function","name":"t","confidential":true,"run":"client"}]' },
    /^TOOLS entry 1 \("t"\): confidential is for tools that the relay runs/,
  ],
  ['a journal nowhere', { CALLS_JOURNAL: 'none/calls' }, /^CALLS_JOURNAL names a file in a folder that does not exist$/],
  ['a journal that is a folder', { CALLS_JOURNAL: '.' }, /^CALLS_JOURNAL names a folder: it must be a file$/],
  ['a short secret of calls', { CALLS_SECRET: 'short' }, /^CALLS_SECRET is too short: at least 32 bytes$/],
  ['another store of sessions', { RESUME_STORE: 'disk' }, /^RESUME_STORE must be one of memory, redis$/],
  ['a number of processes that is none', { WORKERS: 'all' }, /^WORKERS must be a whole number from 1 to 128, or auto/],
  ['one port for both', { PORT: '9090' }, /^ADMIN_PORT is 9090, as PORT is/],
  ['an origin with a path', { ALLOWED_ORIGINS: 'https://a.example.com,https://b.example.com/' }, /^ALLOWED_ORIGINS entry 2 must be an origin/],
  ['an origin browsers spell otherwise', { ALLOWED_ORIGINS: 'https://A.example.com:443' }, /must be spelled as browsers spell it: https:\/\/a\.example\.com/],
  ['every origin', { ALLOWED_ORIGINS: '*' }, /neither \* nor null/],
  ['proxies that are no addresses', { TRUST_PROXY: '1' }, /^TRUST_PROXY must be/],
  ['a Redis URL without a scheme', { REDIS_URL: 'localhost:6379' }, /^REDIS_URL is not usable: the Redis URL must read redis/],
  ['a Redis user without a password', { REDIS_URL: 'rediss://me@cache' }, /^REDIS_URL is not usable: the Redis URL has a user without a password$/],
  ['a Redis password besides Entra ID', { REDIS_ENTRA: 'true', REDIS_URL: 'rediss://me:s3cret@cache' }, /^REDIS_URL is not usable: the Redis URL has a password: with REDIS_ENTRA/],
  ['Entra ID for a Redis that nobody names', { REDIS_ENTRA: 'true' }, /^REDIS_ENTRA is true and REDIS_URL is missing$/],
  ['sentinels without a group', { REDIS_URL: 'redis+sentinel://a:26379' }, /^REDIS_URL is not usable: the Redis URL names no master/],
  ['a key prefix with braces', { REDIS_KEY_PREFIX: 'a{b}' }, /^REDIS_KEY_PREFIX must be/],
  ['an empty value', { CLIENT_MAY_SET: 'audio.output.voice=alloy|' }, /^CLIENT_MAY_SET entry 1 names an empty value of audio.output.voice: write audio.output.voice=first\|second/],
  ['a value of no kind', { CLIENT_MAY_SET: 'include,audio.input.turn_detection=server' }, /^CLIENT_MAY_SET entry 2 has, as value 1 of audio.input.turn_detection, one/],
  ['a voice written as an object', { CLIENT_MAY_SET: 'audio.output.voice={"id":"x"}' }, /^CLIENT_MAY_SET entry 1 has, as value 1 of audio.output.voice, one/],
  ['a field that belongs to the server', { CLIENT_MAY_SET: 'audio.output.voice,instructions' }, /^CLIENT_MAY_SET entry 2 is not a field clients may ever set/],
  ['both forms of one variable', { INSTRUCTIONS: 'a', INSTRUCTIONS_FILE: file('i', 'b') }, /^INSTRUCTIONS and INSTRUCTIONS_FILE are both set/],
  ['a file that is not there', { JWT_SECRET: '', JWT_SECRET_FILE: 'nowhere' }, /^JWT_SECRET_FILE names a file that does not exist/],
  ['a folder', { INSTRUCTIONS_FILE: '.' }, /^INSTRUCTIONS_FILE names something that is not a file/],
  ['an endless device', { INSTRUCTIONS_FILE: '/dev/zero' }, /^INSTRUCTIONS_FILE names something that is not a file/],
  ['an empty file', { INSTRUCTIONS_FILE: file('empty', ' \n') }, /^INSTRUCTIONS_FILE names an empty file/],
  ['half of TLS', { TLS_CERT_FILE: file('c', 'x') }, /^TLS_KEY_FILE is missing/, /^TLS_CERT_FILE holds no PEM certificate/],
  [
    'TLS files that are not there',
    { TLS_CERT_FILE: 'c1', TLS_KEY_FILE: 'k1' },
    /^TLS_CERT_FILE names a file that does not exist/,
    /^TLS_KEY_FILE names a file that does not exist/,
  ],

  [
    'session fields that belong elsewhere',
    { SESSION: '{"instructions":"x","tools":[],"model":"m"}' },
    /instructions belongs in INSTRUCTIONS/,
    /tools belong in TOOLS/,
    /model belongs to the upstream/,
  ],
  ['a preview name', { SESSION: '{"turn_detection":null}' }, /^SESSION turn_detection is the preview name: use audio.input.turn_detection/],
  ['an unknown session field', { SESSION: '{"audio":{"output":{"pitch":1}}}' }, /^SESSION has an unknown field "audio.output.pitch"; known here: format, voice, speed/],
  ['a session value out of bounds', { SESSION: '{"audio":{"output":{"speed":9}}}' }, /^SESSION audio.output.speed has a value/],
  ['broken JSON', { SESSION: '{"a":\n1,}' }, /^SESSION is not valid JSON/],
  ['JSON nested beyond sense', { SESSION: '['.repeat(5000) + ']'.repeat(5000) }, /^SESSION is nested deeper/],
  ['a misspelt name', { JWT_ISUER: 'x' }, /^JWT_ISUER is not known: did you mean JWT_ISSUER\?/],
  ['AZURE_OPENAI_KEY, a near name', { AZURE_OPENAI_KEY: 'x' }, /^AZURE_OPENAI_KEY is not known: did you mean AZURE_OPENAI_API_KEY\?/],
  ['OPENAI_KEY, a near name', { OPENAI_KEY: 'x' }, /^OPENAI_KEY is not known: did you mean OPENAI_API_KEY\?/],
  ['LOGLEVEL, a near name', { LOGLEVEL: 'x' }, /^LOGLEVEL is not known: did you mean LOG_LEVEL\?/],
  ['REDISURL, a near name', { REDISURL: 'x' }, /^REDISURL is not known: did you mean REDIS_URL\?/],
  ['AZURE_OPENAI_APIKEY, a near name', { AZURE_OPENAI_APIKEY: 'x' }, /^AZURE_OPENAI_APIKEY is not known: did you mean AZURE_OPENAI_API_KEY\?/],
  ['AZURE_OPENAI_DEPLOYMENT_NAME, a near name', { AZURE_OPENAI_DEPLOYMENT_NAME: 'x' }, /^AZURE_OPENAI_DEPLOYMENT_NAME is not known: did you mean AZURE_OPENAI_DEPLOYMENT\?/],
  ['AZURE_OPENAI_BASE_URL, a near name', { AZURE_OPENAI_BASE_URL: 'x' }, /^AZURE_OPENAI_BASE_URL is not known: did you mean AZURE_OPENAI_ENDPOINT\?/],
  ['AZURE_OPENAI_KEY_FILE, a near name', { AZURE_OPENAI_KEY_FILE: 'x' }, /^AZURE_OPENAI_KEY_FILE is not known: did you mean AZURE_OPENAI_API_KEY_FILE\?/],
  ['OPENAI_URL, a near name', { OPENAI_URL: 'x' }, /^OPENAI_URL is not known: did you mean OPENAI_BASE_URL\?/],
  ['AZURE_OPENAI_VERSION, a near name', { AZURE_OPENAI_VERSION: 'x' }, /^AZURE_OPENAI_VERSION is not known: did you mean AZURE_OPENAI_API_VERSION\?/],
  [
    'a slot that nothing fills',
    { INSTRUCTIONS: 'Greet {{name}}, or {{ user.name }}. {{claims.hotel}}' },
    /^INSTRUCTIONS has "\{\{name\}\}", "\{\{ user.name \}\}", which nothing fills: only \{\{claims.name\}\} is filled/,
  ],
  ['a swapped pair of letters', { MAX_SESSOINS: '5' }, /^MAX_SESSOINS is not known: did you mean MAX_SESSIONS\?/],
  ['a near miss of a _FILE form', { TOOL_FILE: 'x' }, /^TOOL_FILE is not known: did you mean TOOLS_FILE\?/],
  ['an unknown name with our prefix', { AZURE_OPENAI_TEMPERATURE: '1' }, /^AZURE_OPENAI_TEMPERATURE is not known/],
]

describe('a mistake is named', () => {
  it.each(rows.map(([why, env, ...says]) => ({ why, env, says })))('$why', ({ env, says }) => {
    const found = mistakes({ ...least, ...env })
    for (const pattern of says)
      expect(
        found.filter((problem) => pattern.test(problem)),
        `${pattern} in ${found.join(' | ')}`,
      ).toHaveLength(1)
    expect(found).toHaveLength(says.length)
  })

  it('with everything missing', () => {
    expect(mistakes({})).toEqual([expect.stringMatching(/^Upstream: none is set/), expect.stringMatching(/^Tokens: there is no way to verify them/)])
  })

  it('together with every other one', () => {
    const found = mistakes({ PORT: 'x', LOG_LEVEL: 'x', JWT_SECRET: 'x', MAX_SESSIONS: '0', TOOLS: '{', ALLOWED_ORIGINS: '*', MAX_SESION_SECONDS: '1' })
    expect(found.map((problem) => problem.split(' ')[0])).toEqual([
      'Upstream:',
      'JWT_SECRET',
      'TOOLS',
      'PORT',
      'LOG_LEVEL',
      'ALLOWED_ORIGINS',
      'MAX_SESSIONS',
      'MAX_SESION_SECONDS',
    ])
  })

  it('with what is wrong in a tool, by its entry', () => {
    const mcp = (label: string) => ({ type: 'mcp', server_label: label, url: 'https://a.example.com' })
    const entries = [
      mcp('a__b'),
      mcp('docs'),
      { ...tool, name: 'docs__search' },
      { ...tool, name: 'no spaces', run: undefined },
      { ...tool, name: 'long', description: 'x'.repeat(4097) },
      { ...tool, name: 'inside', run: { http: { url: 'http://10.0.0.1/', denyPrivateAddresses: true } } },
    ]
    expect(mistakes({ ...least, PORT: '99999', TOOLS: JSON.stringify(entries) }).toSorted()).toEqual([
      expect.stringMatching(/^PORT must be a whole number/),
      'TOOLS entry 1 ("a__b"): server_label must be 1 to 32 letters, digits, - or _, without __ and without _ at either end',
      'TOOLS entry 3 ("docs__search"): name begins with docs__, which marks the tools of the MCP server "docs": choose another',
      'TOOLS entry 4 ("no spaces"): name must be 1 to 64 letters, digits, - or _',
      expect.stringMatching(/^TOOLS entry 4 \("no spaces"\): run is missing/),
      'TOOLS entry 5 ("long"): description is longer than 4096 characters',
      'TOOLS entry 6 ("inside"): run http url: the host is a private address, which denyPrivateAddresses refuses',
    ])
  })

  it('in one printable text', () => {
    const error = new ConfigError(['PORT must be a number', 'HOST is wrong'])
    expect(error.message).toBe('The configuration has 2 mistakes:\n  - PORT must be a number\n  - HOST is wrong')
  })
})

const tool = { type: 'function', name: 'f', parameters: { type: 'object', properties: { q: { type: 'string' } } }, run: 'client' }
const http = (run: object) => ({ ...tool, run: { http: run } })
const toolRows: readonly (readonly [why: string, entry: unknown, ...says: RegExp[]])[] = [
  ['no object', 7, /^TOOLS entry 1: must be an object/],
  ['no type', { name: 'f', run: 'client' }, /type is missing/],
  ['another type', { ...tool, type: 'web_search' }, /type must be one of function, mcp/],
  ['no name', { ...tool, name: undefined }, /name is missing/],
  ['a name upstreams refuse', { ...tool, name: 'get weather' }, /^TOOLS entry 1 \("get weather"\): name must be 1 to 64 letters/],
  ['an unknown field', { ...tool, strict: true }, /unknown fields: "strict"/],
  ['a schema that does not compile', { ...tool, parameters: { type: 'object', properties: { a: { type: 'strnig' } } } }, /parameters is not a usable JSON schema/],
  ['a schema of another type', { ...tool, parameters: { type: 'array' } }, /parameters is not a usable JSON schema/],
  ['parameters that are no schema', { ...tool, parameters: [] }, /parameters must be a JSON schema object/],
  ['no run', { ...tool, run: undefined }, /run is missing/],
  ['another run', { ...tool, run: 'server' }, /run must be "client"/],
  ['two runs', { ...tool, run: { http: { url: 'https://a.example.com' }, module: './a.js#b' } }, /run must be "client"/],
  ['a slot in the host', http({ url: 'https://{q}.example.com/' }), /scheme, host and port are fixed/],
  ['a slot that is no parameter', http({ url: 'https://a.example.com/{other}' }), /\{other\} is not one of the tool's parameters/],
  ['no url', http({ method: 'GET' }), /run http url is missing/],
  ['another method', http({ method: 'TRACE', url: 'https://a.example.com/' }), /method must be one of GET/],
  ['a time limit in words', http({ url: 'https://a.example.com/', timeoutMs: '5s' }), /timeoutMs must be a number/],
  [
    'a variable that is not set',
    http({ url: 'https://a.example.com/', headers: { 'x-key': slot('NO_SUCH_KEY') } }),
    /headers "x-key" needs the variable NO_SUCH_KEY, which is not set/,
  ],
  [
    'a variable that would be read as a slot',
    http({ url: 'https://a.example.com/', headers: { 'x-key': slot('BRACED') } }),
    /cannot use the variable BRACED: its value holds a brace/,
  ],
  ['a header no request may set', http({ url: 'https://a.example.com/', headers: { host: 'b' } }), /"host" cannot be used/],
  ['a module that is not there', { ...tool, run: { module: './missing.js#f' } }, /run module names "\.\/missing\.js", which is not a file/],
  ['a caller’s identity without the secret to sign it', { ...tool, run: { http: { url: 'https://a.example.com', identity: 'jwt' } } }, /identity needs TOOL_IDENTITY_SECRET/],
  ['a wrong onCancel', { ...tool, run: { http: { url: 'https://a.example.com' }, onCancel: 'stop' } }, /run onCancel must be/],
  [
    'a background tool that a cancelled response ends',
    { ...tool, run: { http: { url: 'https://a.example.com' }, background: true, onCancel: 'abort' } },
    /run onCancel must not be abort/,
  ],
  ['an approval by nobody', { ...tool, require_approval: 'always', run: { http: { url: 'https://a.example.com' } } }, /require_approval must be one of never, client/],
  ['a module without its export', { ...tool, run: { module: './missing.js' } }, /must name a file and an export/],
  ['an MCP server with a wrong onCancel', { type: 'mcp', server_label: 'docs', url: 'https://a.example.com', onCancel: 'stop' }, /onCancel must be one of abort, finish/],
  [
    'an MCP server in the background that a cancelled response ends',
    { type: 'mcp', server_label: 'docs', url: 'https://a.example.com', background: true, onCancel: 'abort' },
    /onCancel must not be abort/,
  ],
  ['an MCP server without a place', { type: 'mcp', server_label: 'docs' }, /url or command is needed/],
  ['an MCP server with two', { type: 'mcp', server_label: 'docs', url: 'https://a.example.com', command: 'x' }, /url or command is needed/],
  ['an MCP server without a label', { type: 'mcp', url: 'https://a.example.com' }, /server_label is missing/],
  ['an MCP server elsewhere', { type: 'mcp', server_label: 'docs', url: 'file:///etc/passwd' }, /url must be an http or https URL/],
]

describe('a tool definition is checked', () => {
  it.each(toolRows.map(([why, entry, ...says]) => ({ why, entry, says })))('$why', ({ entry, says }) => {
    const found = mistakes({ ...least, TOOLS: JSON.stringify([entry]), BRACED: 'a{q}b' })
    for (const pattern of says)
      expect(
        found.filter((problem) => pattern.test(problem)),
        `${pattern} in ${found.join(' | ')}`,
      ).toHaveLength(1)
    expect(found).toHaveLength(says.length)
  })

  it('two of one name', () => {
    expect(mistakes({ ...least, TOOLS: JSON.stringify([tool, { type: 'mcp', server_label: 'f', url: 'https://a.example.com' }]) })).toEqual([
      expect.stringMatching(/^TOOLS entry 2 \("f"\): has a name/),
    ])
  })
})

describe('upstream and profile entries are checked', () => {
  it.each([
    ['no list', '{}', /^UPSTREAMS must be a JSON list of 1 to/],
    ['an empty list', '[]', /^UPSTREAMS must be a JSON list of 1 to/],
    ['no credential', '[{"endpoint":"https://a.example.com","deployment":"d"}]', /apiKey is missing, and entra is not true/],
    ['both credentials', '[{"endpoint":"https://a.example.com","deployment":"d","apiKey":"k","entra":true}]', /apiKey and entra are both set/],
    ['a plain http endpoint', '[{"endpoint":"http://a.example.com","deployment":"d","apiKey":"k"}]', /^UPSTREAMS entry 1: endpoint must be https/],
    ['no endpoint', '[{"deployment":"d","apiKey":"k"}]', /endpoint is missing/],
    ['an unknown field', '[{"endpoint":"https://a.example.com","deployment":"d","apiKey":"k","region":"x"}]', /unknown fields: "region"/],
    ['an unknown provider', '[{"provider":"aws","endpoint":"https://a.example.com","deployment":"d","apiKey":"k"}]', /provider must be one of/],
    [
      'one name twice',
      '[{"endpoint":"https://a.example.com","deployment":"d","apiKey":"k"},{"endpoint":"https://b.example.com","deployment":"d","apiKey":"k"}]',
      /^UPSTREAMS entry 2: name "d" is used twice/,
    ],
  ])('%s', (_, UPSTREAMS, says) => {
    expect(mistakes({ JWT_SECRET: secret, UPSTREAMS })).toEqual([expect.stringMatching(says)])
  })

  it.each([
    ['a tool that is not there', { a: { tools: ['f', 'g'] } }, /^PROFILES_FILE "a": tools names "g", which TOOLS does not have/],
    ['a notice too soon', { a: { toolNoticeMs: 5 } }, /toolNoticeMs must be/],
    ['an end of cut answers that is none', { a: { onCutAnswer: 'stop' } }, /onCutAnswer must be "leave" or "continue"/],
    ['an interruption of another kind', { a: { bargeIn: 'never' } }, /^PROFILES_FILE "a": bargeIn must be one of allow, protect/],
    ['an interruption that is and is not', { a: { bargeIn: 'protect', minSpeechMs: 300 } }, /minSpeechMs says nothing beside bargeIn "protect"/],
    ['a protection without effect', { a: { bargeIn: 'protect', protectMs: 0 } }, /protectMs says nothing beside bargeIn "protect"/],
    ['a protection that is too long', { a: { protectMs: 60_001 } }, /protectMs must be a whole number from 0 to 60000/],
    ['somebody else who truncates', { a: { truncate: 'service' } }, /truncate must be one of client, relay/],
    ['a filler without a time', { a: { toolFiller: 'Wait.' } }, /toolFiller needs toolNoticeMs/],
    ['a filler without words', { a: { toolNoticeMs: 500, toolFiller: ' ' } }, /toolFiller must have 1 to 500 characters/],
    ['an unsettable path', { a: { clientMaySet: ['include', 'tools'] } }, /clientMaySet entry 2 is not a field clients may ever set; known: audio/],
    [
      'a value that a field cannot have',
      { a: { clientMaySet: ['audio.output.speed=1|2'] } },
      /clientMaySet entry 1 has, as value 2 of audio.output.speed, one that this field cannot have/,
    ],
    ['a zone that is not there', { a: { zones: ['eu'] } }, /^PROFILES_FILE "a": zones names "eu", which no entry of UPSTREAMS has/],
    ['instructions in the session', { a: { session: { instructions: 'x' } } }, /^PROFILES_FILE "a": session instructions belongs/],
    ['an unknown field', { a: { voice: 'x' } }, /unknown fields: "voice"/],
    ['an unknown limit', { a: { limits: { maxTokens: 1 } } }, /limits has unknown fields: "maxTokens"/],
    ['a limit that is no number', { a: { limits: { maxSessionSeconds: '5' } } }, /maxSessionSeconds must be a number/],
    ['a name that is none', { 'a b': {} }, /^PROFILES_FILE "a b": a profile name is/],
    ['no object', { a: [] }, /^PROFILES_FILE "a": must be an object/],
  ])('%s', (_, profiles, says) => {
    expect(mistakes({ ...least, TOOLS: JSON.stringify([tool]), PROFILES_FILE: file('p.json', JSON.stringify(profiles)) })).toEqual([expect.stringMatching(says)])
  })
})

describe('what is not a mistake', () => {
  const kubernetes = {
    SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt',
    KUBERNETES_SERVICE_HOST: '10.0.0.1',
    KUBERNETES_PORT_443_TCP: 'tcp://10.0.0.1:443',
    REDIS_PORT: 'tcp://10.0.0.2:6379',
    REDIS_SERVICE_HOST: '10.0.0.2',
    REDIS_SERVICE_PORT: '6379',
    REDIS_PORT_6379_TCP_ADDR: '10.0.0.2',
    REDIS_HOST: 'redis',
    AZURE_OPENAI_MOCK_SERVICE_HOST: '10.0.0.3',
    AZURE_OPENAI_MOCK_PORT_80_TCP: 'tcp://10.0.0.3:80',
    AZURE_CLIENT_ID: 'x',
    AZURE_TENANT_ID: 'x',
    AZURE_FEDERATED_TOKEN_FILE: '/x',
    HOSTNAME: 'pod',
    HOME: '/',
    PATH: '/bin',
    PWD: '/',
    VERSION: '1',
    NODE_VERSION: '24',
    YARN_VERSION: '1',
    NODE_ENV: 'production',
    NODE_OPTIONS: '',
    TZ: 'UTC',
    LANG: 'C',
    TERM: 'xterm',
    SHLVL: '1',
    npm_config_cache: '/x',
    POSTGRES_HOST: 'x',
    MAX_OLD_SPACE: '1',
    HTTPS_PROXY: 'x',
    OPENAI_ORG_ID: 'x',
    LOG_FORMAT: 'json',
    XDG_SESSION_ID: '1',
    SSH_TTY: 'x',
    USER: 'x',
  }
  it('a container’s ordinary environment', () => expect(mistakes({ ...least, ...kubernetes })).toEqual([]))
  it.each([
    'OPENAI_ORG_ID',
    'OPENAI_API_KEY_PATH',
    'OPENAI_API_VERSION',
    'MAX_MEMORY',
    'TLS_CERT',
    'HOSTNAME',
    'AZURE_CLIENT_ID',
    'AZURE_OPENAI_SERVICE_HOST',
    'LOG_FORMAT',
    'SESSION_SECRET',
    'OPENAI',
  ])('%s, which is another program’s', (name) => expect(mistakes({ ...least, [name]: 'x' })).toEqual([]))
  it('misspellings in a developer’s shell, for the demo', () => expect(mistakes({ ...least, JWT_ISUER: 'x' }, 'demo')).toEqual([]))
  it('a variable with an own prefix that a tool uses', () => {
    const TOOLS = JSON.stringify([http({ url: 'https://a.example.com/', headers: { a: slot('JWT_FOR_TOOL') } })])
    expect(mistakes({ ...least, TOOLS, JWT_FOR_TOOL: 'x' })).toEqual([])
  })
  it('keys of every kind', () => {
    for (const key of [rsa, p256, pair('ed25519'), pair('ec', { namedCurve: 'P-521' })])
      expect(mistakes({ ...upstream, JWT_PUBLIC_KEY: key.publicKey.replaceAll('\n', '\\n') })).toEqual([])
  })
})

describe('no mistake repeats a value', () => {
  const canary = 'CANARY{q}\u0007-9f8e7d'
  it.each(variableNames.map((name) => [name]))('%s', (name) => {
    for (const value of [canary, `https://u:${canary}@h`, `{"${canary}`, `[{"apiKey":"${canary}`, `[{"type":"mcp","server_label":"l","url":"x:${canary}","headers":{"a":7}}]`]) {
      const found = mistakes({ ...least, [name]: value })
      expect(found.join('\n')).not.toContain('9f8e7d')
    }
  })

  it('nor one that is filled in', () => {
    const TOOLS = JSON.stringify([http({ url: slot('CANARY'), headers: { a: slot('CANARY') } }), { type: 'mcp', server_label: 'l', url: slot('CANARY') }])
    const UPSTREAMS = JSON.stringify([{ endpoint: 'https://a.example.com', deployment: 'd', apiKey: slot('CANARY') }])
    const found = mistakes({ JWT_SECRET: secret, TOOLS, UPSTREAMS, CANARY: canary })
    expect(found.length).toBeGreaterThan(2)
    expect(found.join('\n')).not.toContain('9f8e7d')
  })

  it('defaults pass their own parsers', () => {
    for (const name of variableNames) {
      const variable = VARIABLES[name]
      if (variable.default !== undefined) expect(variable.parse(variable.default), name).toHaveProperty('value')
    }
  })
})

describe('TLS files', () => {
  const pem = (name: string) => join(import.meta.dirname, '../support/tls', name)
  const TLS_CERT_FILE = pem('localhost-cert.pem')

  it('that belong together are taken', () => {
    const TLS_KEY_FILE = pem('localhost-key.pem')
    expect(loadConfig(checkTools, { ...least, TLS_CERT_FILE, TLS_KEY_FILE }, { mode: 'serve', cwd: folder }).tls).toEqual({ certFile: TLS_CERT_FILE, keyFile: TLS_KEY_FILE })
  })

  it('that do not are a mistake', () => {
    expect(mistakes({ ...least, TLS_CERT_FILE, TLS_KEY_FILE: file('other.pem', p256.privateKey) })).toEqual(['TLS_KEY_FILE does not belong to the certificate in TLS_CERT_FILE'])
    expect(mistakes({ ...least, TLS_CERT_FILE, TLS_KEY_FILE: TLS_CERT_FILE })).toEqual(['TLS_KEY_FILE holds no PEM private key without a passphrase'])
  })

  it('that belong together and that TLS refuses are a mistake', () => {
    const [cert, key] = [join(folder, 'short-cert.pem'), join(folder, 'short-key.pem')]
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:512', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' })
    expect(mistakes({ ...least, TLS_CERT_FILE: cert, TLS_KEY_FILE: key })).toEqual([expect.stringMatching(/^TLS_CERT_FILE holds a certificate that TLS refuses/)])
  })
})
