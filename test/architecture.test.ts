// The import rules and the purity of core, read from the source: no comment can switch them off.
import { describe, expect, it } from 'vitest'
import { type Import, linesWith, type SourceFile, sourceFiles } from './support/source-files.js'

const FILES = sourceFiles('src')

/** The entries, which stay at the root of `src`. Every other file has a room. */
const ENTRIES = ['src/cli.ts', 'src/healthcheck.ts', 'src/main.ts']

/** Files for browsers. */
const PAGES = ['console', 'operator']

const PLUG = ['core', 'ports', 'time', 'config/config', 'config/secret']
/** What each room may import besides itself, types included: a room, a folder of core, or one file of a room. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  'core/protocol': [],
  'core/sdp': [],
  'core/limits': ['core/protocol'],
  'core/upstreams': ['core/limits'],
  'core/policy': ['core/protocol'],
  'core/session': ['core/policy', 'core/protocol', 'core/limits'],
  'core/replay': ['core/session', 'core/policy', 'core/protocol'],
  ports: ['core'],
  time: [],
  json: [],
  config: ['core', 'time', 'json'],
  wire: ['time', 'core/protocol', 'ports'],
  seal: [],
  relay: ['time', 'core', 'ports', 'seal'],
  calls: ['time', 'core', 'ports', 'seal'],
  auth: ['time', 'json', 'core/protocol', 'core/policy/claim-values', 'ports', 'config/config', 'config/key-strength', 'config/secret'],
  tools: ['time', 'json', 'core/policy', 'core/protocol', 'ports', 'config/config', 'config/config-error', 'config/secret'],
  guards: ['core/policy', 'core/protocol', 'core/upstreams', 'ports', 'config/guard-config', 'config/config-error', 'config/secret'],
  store: ['time', 'core/limits', 'core/policy', 'ports', 'config/config', 'config/secret', 'config/redis-url'],
  audit: [...PLUG, 'config/audit'],
  records: [...PLUG, 'config/records', 'config/records-target'],
  ops: PLUG,
  admin: ['time', 'core/policy', 'core/protocol', 'core/upstreams', 'ports', 'config/config'],
  ingress: [...PLUG, 'wire', 'seal', 'config/telephony-config', 'config/config-error', 'config/file-watch', 'config/tls-files'],
  upstream: [...PLUG, 'wire'],
  profiles: ['time', 'core', 'ports', 'config'],
  server: ['time', 'core', 'ports', 'config', 'wire', 'relay', 'calls', 'auth', 'tools', 'guards', 'store', 'ops', 'admin', 'audit', 'records', 'ingress', 'upstream', 'profiles'],
  process: ['time', 'config', 'ports', 'ops', 'server'],
  cli: ['time', 'json', 'core', 'ports', 'config', 'audit', 'records', 'auth', 'tools', 'guards', 'store', 'ops', 'upstream', 'profiles', 'server', 'process', 'simulator', 'demo'],
  simulator: ['time', 'core/protocol', 'wire/close-codes'],
  console: [],
  operator: [],
  events: [],
  browser: ['events'],
  react: ['browser', 'events'],
  demo: ['tools/tool'],
}

const SERVERS = /^src\/(server\/(server|admin-port)|admin\/api)\.ts$/

/** `core/policy`, `relay`, or '' for a file directly in src. */
function roomOf(path: string): string {
  const parts = path.split('/').slice(1, -1)
  return parts[0] === 'core' ? parts.slice(0, 2).join('/') : (parts[0] ?? '')
}

/** Whether the target is `allowed` itself (a file without its ending) or lies inside it. */
function isIn(target: string, allowed: string): boolean {
  const path = target.slice('src/'.length).replace(/\.(d\.)?ts$/, '')
  return path === allowed || path.startsWith(`${allowed}/`)
}

function inside(folder: string): readonly SourceFile[] {
  return FILES.filter((file) => file.path.startsWith(`src/${folder}/`))
}

/** Every import of these files that `allowed` does not accept, as `file → target`. */
function forbidden(files: readonly SourceFile[], allowed: (one: Import, file: SourceFile) => boolean): readonly string[] {
  return files.flatMap((file) => file.imports.filter((one) => !allowed(one, file)).map((one) => `${file.path} → ${one.target}${one.typeOnly ? ' (types)' : ''}`))
}

const isOwn = (target: string) => target.startsWith('src/')

describe('this test', () => {
  it('sees the source', () => {
    expect(FILES.length).toBeGreaterThan(40)
    expect(FILES.find((file) => file.path === 'src/relay/relay.ts')?.imports).toContainEqual({ target: 'src/relay/session.ts', typeOnly: false })
    expect(FILES.find((file) => file.path === 'src/relay/relay.ts')?.imports).toContainEqual({ target: 'src/ports/session.ts', typeOnly: true })
    expect(FILES.find((file) => file.path === 'src/wire/dial-accept.ts')?.imports.map((one) => one.target)).toContain('ws')
  })

  it('tells code from comments, strings and patterns', () => {
    const code = FILES.find((file) => file.path === 'src/config/secret.ts')?.code ?? ''
    expect(code).toContain('class Secret')
    expect(code).not.toContain('[secret]')
    expect(code).not.toContain('auth/')
  })
})

describe('who may import whom', () => {
  it('no file is loose in src, and every room is in the table', () => {
    expect(FILES.filter((file) => roomOf(file.path) === '').map((file) => file.path)).toEqual(ENTRIES)
    expect(FILES.filter((file) => roomOf(file.path) !== '' && !Object.hasOwn(ROOMS, roomOf(file.path))).map((file) => file.path)).toEqual([])
    expect(Object.keys(ROOMS).filter((room) => !PAGES.includes(room) && inside(room).length === 0)).toEqual([])
  })

  for (const [room, allowed] of Object.entries(ROOMS)) {
    it(`${room} imports ${allowed.length > 0 ? allowed.join(', ') : 'nothing else'}`, () => {
      expect(forbidden(inside(room), ({ target }) => !isOwn(target) || roomOf(target) === room || allowed.some((one) => isIn(target, one)))).toEqual([])
    })
  }

  it('no file imports an entry', () => {
    expect(forbidden(FILES, ({ target }) => !ENTRIES.includes(target))).toEqual([])
  })

  it('ports, the published events and the shape of the configuration hold types only', () => {
    const files = FILES.filter((file) => /^src\/(ports\/|events\/|config\/config\.ts$)/.test(file.path))
    expect(files.length).toBeGreaterThan(5)
    expect(forbidden(files, ({ typeOnly }) => typeOnly)).toEqual([])
    expect(linesWith(files, /^(export )?(const|let|function|class|default)\b/)).toEqual([])
  })

  it('each package is imported only where it is wrapped', () => {
    const homes: readonly (readonly [string, RegExp])[] = [
      ['ws', /^src\/(wire\/(dial-accept|web-socket-link)\.ts|simulator\/)/],
      ['bufferutil', /^src\/wire\/frame-(reader|writer)\.ts$/],
      ['ioredis', /^src\/store\/redis\//],
      ['jose', /^src\/auth\//],
      ['lossless-json', /^src\/json\//],
      ['https-proxy-agent', /^src\/(upstream\/|ops\/tracing\/way\.ts$)/],
      ['undici', /^src\/(tools\/|guards\/|upstream\/calls\/|server\/key-fetch\.ts$)/],
      ['@azure/communication-call-automation', /^src\/ingress\/phone\/acs\/control\.ts$/],
      ['re2js', /^src\/(guards\/patterns|config\/guard-patterns)\.ts$/],
      ['age-encryption', /^src\/records\/sealing\.ts$/],
      ['@aws-sdk/client-s3', /^src\/records\/stores\/s3\.ts$/],
      ['@azure/storage-blob', /^src\/records\/stores\/blob\.ts$/],
      ['prom-client', /^src\/ops\//],
      ['react', /^src\/react\/react\.ts$/],
      ['node-datachannel', /^src\/simulator\/webrtc\/peer\.ts$/],
      ['@modelcontextprotocol/sdk', /^src\/(tools|simulator)\//],
    ]
    for (const [name, home] of homes) {
      expect(
        forbidden(FILES, ({ target }, file) => target !== name || home.test(file.path)),
        name,
      ).toEqual([])
    }
    const tracing = /^src\/ops\/tracing\//
    expect(forbidden(FILES, ({ target }, file) => !target.startsWith('@opentelemetry/') || tracing.test(file.path))).toEqual([])
    expect(forbidden(FILES, ({ target, typeOnly }, file) => !tracing.test(target) || typeOnly || tracing.test(file.path) || file.path === 'src/server/telemetry.ts')).toEqual([])
    expect(forbidden(FILES, ({ target, typeOnly }, file) => target !== 'fastify' || typeOnly || SERVERS.test(file.path))).toEqual([])
    expect(
      forbidden(
        FILES,
        ({ target, typeOnly }, file) =>
          !target.startsWith('@fastify/') || typeOnly || SERVERS.test(file.path) || /^src\/(cli\/demo|ingress\/calls\/multipart)\.ts$/.test(file.path),
      ),
    ).toEqual([])
  })

  it('no file imports itself through others, types included', () => {
    const imports = new Map(FILES.map((file) => [file.path, file.imports.map((one) => one.target).filter(isOwn)]))
    const circles: string[] = []
    const done = new Set<string>()
    const visit = (path: string, trail: readonly string[]) => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      if (trail.includes(path) || done.has(path)) return
      for (const next of imports.get(path) ?? []) visit(next, [...trail, path])
      done.add(path)
    }
    for (const file of FILES) visit(file.path, [])
    expect(circles).toEqual([])
  })
})

describe('core is pure', () => {
  const impure = [
    ...['\\bDate\\b', '\\bMath\\.random\\b', '\\bset(Timeout|Interval|Immediate)\\b', '\\bqueueMicrotask\\b', '\\bprocess\\b', '\\bconsole\\b', '\\bglobalThis\\b'],
    ...['\\basync\\b', '\\bawait\\b', '\\bPromise\\b', '\\bfetch\\(', '\\bperformance\\b', '\\bcrypto\\b', '\\brequire\\(', '\\bimport\\('],
  ]
  it('no clock, no randomness, no promise, no I/O', () => {
    expect(linesWith(inside('core'), new RegExp(impure.join('|')))).toEqual([])
  })

  it('no variable on the level of a module, which sessions would share', () => {
    expect(linesWith(inside('core'), /^(export )?(let|var)\b/)).toEqual([])
  })
})

describe('the process', () => {
  it('only the configuration reads its environment; only the entries and the commands touch signals and exit', () => {
    const others = (allowed: RegExp) => FILES.filter((file) => !allowed.test(file.path))
    expect(linesWith(others(/^src\/(config\/|process\/probe-target\.ts$)/), /(?<!\.)\bprocess(\.env\b|\s*\[)/)).toEqual([])
    expect(linesWith(others(/^src\/(main\.ts|cli\.ts|cli\/)/), /(?<!\.)\bprocess\.(exit|kill|abort|on|once|addListener)\b/)).toEqual([])
  })

  it('has no handler for uncaught exceptions or rejections', () => {
    expect(FILES.filter((file) => /uncaughtException|unhandledRejection/.test(file.text)).map((file) => file.path)).toEqual([])
  })
})

describe('secrets', () => {
  it('are revealed only in the rooms that use them', () => {
    const homes = /^src\/(audit|records|upstream|auth|tools|guards|store\/redis|ops\/tracing|ingress\/phone)\//
    expect(
      linesWith(
        FILES.filter((file) => !homes.test(file.path)),
        /\.reveal\b/,
      ),
    ).toEqual([])
  })
})
