// The import rules, the purity of core and the house rules, read from the source: nobody can switch them off with a comment.
import { describe, expect, it } from 'vitest'
import { type Import, type SourceFile, sourceFiles } from './support/source-files.js'

const FILES = sourceFiles('src')
/** A configuration file of vitest must export a default. */
const TESTS = sourceFiles('test').filter((file) => !file.path.endsWith('.config.ts'))

/** What stays at the root of `src`: the ways in. Everything else has a room. */
const ENTRIES = ['src/cli.ts', 'src/healthcheck.ts', 'src/main.ts']

const PLUG = ['core', 'ports', 'time', 'config/config', 'config/secret']
/** What each room may import besides itself, types included: a room, a folder of core, or one file of a room. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  'core/protocol': [],
  'core/limits': ['core/protocol'],
  'core/upstreams': ['core/limits'],
  'core/policy': ['core/protocol'],
  'core/session': ['core/policy', 'core/protocol', 'core/limits'],
  ports: ['core'],
  time: [],
  json: [],
  config: ['core', 'time', 'json'],
  wire: ['time', 'core/protocol', 'ports'],
  relay: ['time', 'core', 'ports'],
  auth: ['time', 'json', 'core/protocol', 'ports', 'config/config', 'config/key-strength', 'config/secret'],
  tools: ['time', 'json', 'core/policy', 'core/protocol', 'ports', 'config/config', 'config/config-error', 'config/secret'],
  store: ['time', 'core/limits', 'core/policy', 'ports', 'config/config', 'config/secret', 'config/redis-url'],
  ops: PLUG,
  admin: ['time', 'core/policy', 'core/protocol', 'core/upstreams', 'ports', 'config/config'],
  ingress: [...PLUG, 'wire', 'config/config-error', 'config/file-watch', 'config/tls-files'],
  upstream: [...PLUG, 'wire'],
  profiles: ['time', 'core', 'ports', 'config'],
  server: ['time', 'core', 'ports', 'config', 'wire', 'relay', 'auth', 'tools', 'store', 'ops', 'admin', 'ingress', 'upstream', 'profiles'],
  process: ['time', 'config', 'ports', 'ops', 'server'],
  cli: ['time', 'core', 'ports', 'config', 'auth', 'tools', 'store', 'ops', 'upstream', 'profiles', 'server', 'process', 'simulator', 'demo'],
  simulator: ['time', 'core/protocol', 'wire/close-codes'],
  console: [],
  demo: ['tools/tool'],
}

const SERVERS = /^src\/(server\/(server|admin-port)|admin\/api)\.ts$/

/** `core/policy`, `relay`, or '' for a file directly in src. */
function roomOf(path: string): string {
  const parts = path.split('/').slice(1, -1)
  return parts[0] === 'core' ? parts.slice(0, 2).join('/') : (parts[0] ?? '')
}

/** The target itself, without its ending, any folder above it, in the words of the table. */
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

function lines(files: readonly SourceFile[], pattern: RegExp): readonly string[] {
  return files.flatMap((file) =>
    file.code.split('\n').flatMap((line, index) => {
      const found = pattern.exec(line)
      return found ? [`${file.path}:${index + 1} ${found[0].trim()}`] : []
    }),
  )
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
    expect(Object.keys(ROOMS).filter((room) => room !== 'console' && inside(room).length === 0)).toEqual([])
  })

  for (const [room, allowed] of Object.entries(ROOMS)) {
    it(`${room} imports ${allowed.length > 0 ? allowed.join(', ') : 'nothing else'}`, () => {
      expect(forbidden(inside(room), ({ target }) => !isOwn(target) || roomOf(target) === room || allowed.some((one) => isIn(target, one)))).toEqual([])
    })
  }

  it('nobody imports an entry', () => {
    expect(forbidden(FILES, ({ target }) => !ENTRIES.includes(target))).toEqual([])
  })

  it('ports and the shape of the configuration are types', () => {
    const files = FILES.filter((file) => file.path.startsWith('src/ports/') || file.path === 'src/config/config.ts')
    expect(files.length).toBeGreaterThan(5)
    expect(forbidden(files, ({ typeOnly }) => typeOnly)).toEqual([])
    expect(lines(files, /^(export )?(const|let|function|class|default)\b/)).toEqual([])
  })

  it('packages stay where they are wrapped', () => {
    const homes: readonly (readonly [string, RegExp])[] = [
      ['ws', /^src\/(wire\/(dial-accept|web-socket-link)\.ts|simulator\/)/],
      ['bufferutil', /^src\/wire\/frame-(reader|writer)\.ts$/],
      ['ioredis', /^src\/store\/redis\//],
      ['jose', /^src\/auth\//],
      ['lossless-json', /^src\/json\//],
      ['prom-client', /^src\/ops\//],
      ['@modelcontextprotocol/sdk', /^src\/(tools|simulator)\//],
    ]
    for (const [name, home] of homes) {
      expect(
        forbidden(FILES, ({ target }, file) => target !== name || home.test(file.path)),
        name,
      ).toEqual([])
    }
    expect(forbidden(FILES, ({ target, typeOnly }, file) => target !== 'fastify' || typeOnly || SERVERS.test(file.path))).toEqual([])
    expect(forbidden(FILES, ({ target, typeOnly }, file) => !target.startsWith('@fastify/') || typeOnly || SERVERS.test(file.path) || file.path === 'src/cli/demo.ts')).toEqual([])
  })

  it('only packages the project depends on, by their names', () => {
    const declared =
      /^(node:|(@azure\/identity|@fastify\/(static|swagger|websocket)|@modelcontextprotocol\/sdk|ajv|ajv-formats|bufferutil|fastify|ioredis|jose|lossless-json|pino|prom-client|undici|ws)$)/
    expect(forbidden(FILES, ({ target }) => isOwn(target) || declared.test(target))).toEqual([])
  })

  it('no file imports itself through others, types aside', () => {
    const runtime = new Map(FILES.map((file) => [file.path, file.imports.filter((one) => !one.typeOnly && isOwn(one.target)).map((one) => one.target)]))
    const cycles: string[] = []
    const done = new Set<string>()
    const visit = (path: string, trail: readonly string[]) => {
      if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      if (trail.includes(path) || done.has(path)) return
      for (const next of runtime.get(path) ?? []) visit(next, [...trail, path])
      done.add(path)
    }
    for (const file of FILES) visit(file.path, [])
    expect(cycles).toEqual([])
  })
})

describe('core is pure', () => {
  const impure = [
    ...['\\bDate\\b', '\\bMath\\.random\\b', '\\bset(Timeout|Interval|Immediate)\\b', '\\bqueueMicrotask\\b', '\\bprocess\\b', '\\bconsole\\b', '\\bglobalThis\\b'],
    ...['\\basync\\b', '\\bawait\\b', '\\bPromise\\b', '\\bfetch\\(', '\\bperformance\\b', '\\bcrypto\\b', '\\brequire\\(', '\\bimport\\('],
  ]
  it('no clock, no randomness, no promise, no I/O', () => {
    expect(lines(inside('core'), new RegExp(impure.join('|')))).toEqual([])
  })

  it('nothing on the level of a module that a session could change', () => {
    expect(lines(inside('core'), /^(export )?(let|var)\b/)).toEqual([])
  })
})

describe('process', () => {
  it('its environment is read by the configuration, signals and exit belong to the entries', () => {
    const others = (allowed: RegExp) => FILES.filter((file) => !allowed.test(file.path))
    expect(lines(others(/^src\/(config\/|process\/probe-target\.ts$)/), /(?<!\.)\bprocess(\.env\b|\s*\[)/)).toEqual([])
    expect(lines(others(/^src\/(main\.ts|cli\.ts|cli\/)/), /(?<!\.)\bprocess\.(exit|kill|abort|on|once|addListener)\b/)).toEqual([])
  })

  it('and is never caught at the edge', () => {
    expect(FILES.filter((file) => /uncaughtException|unhandledRejection/.test(file.text)).map((file) => file.path)).toEqual([])
  })
})

describe('house rules', () => {
  it('about 250 lines a file', () => {
    expect(FILES.filter((file) => file.text.split('\n').length > 261).map((file) => `${file.path}: ${file.text.split('\n').length - 1}`)).toEqual([])
  })

  it('the first line says what the file decides or does', () => {
    const wrong = [...FILES, ...TESTS].filter((file) => !/^(#!.*\n)?\/\/ \S.{10,}/.test(file.text) || /^\/\/ (TODO|eslint|biome)/.test(file.text))
    expect(wrong.map((file) => file.path)).toEqual([])
  })

  it('no default export, no enum, no any, no decorator, no base class but Error', () => {
    expect(lines([...FILES, ...TESTS], /\bexport default\b|\bexport \{[^}]*\bdefault\b/)).toEqual([])
    expect(lines([...FILES, ...TESTS], /^\s*(export |declare )?(const )?enum \w/)).toEqual([])
    const ownAny = /\b(const any\b|import \{[^}]*\bany\b)/
    expect(
      lines(
        [...FILES, ...TESTS].filter((file) => !ownAny.test(file.code)),
        /(:|<|\bas|,|\|)\s*any\b(?!\s*[:(.])/,
      ),
    ).toEqual([])
    expect(lines(FILES, /^\s*@\w+/)).toEqual([])
    expect(lines(FILES, /\bclass \w+(<[^>]*>)? extends (?!Error\b)\w+/)).toEqual([])
  })

  it('no catch-all file, no barrel', () => {
    const names = /\/(utils?|helpers?|types?|index|common|misc|shared|constants|base)\.ts$/
    expect([...FILES, ...TESTS].filter((file) => names.test(file.path) && file.path !== 'test/support/shared.ts').map((file) => file.path)).toEqual([])
    expect(lines(FILES, /^export \* from\b/)).toEqual([])
  })

  it('file names are kebab-case', () => {
    expect(FILES.filter((file) => !/^[a-z0-9/-]+(\.d)?\.ts$/.test(file.path)).map((file) => file.path)).toEqual([])
  })

  it('nothing unfinished', () => {
    const words = /\b(TODO|FIXME|XXX|HACK|stub|placeholder|for now)\b/
    expect(FILES.flatMap((file) => (words.test(file.text) ? [`${file.path}: ${words.exec(file.text)?.[0]}`] : []))).toEqual([])
  })

  it('no test that is switched off without a reason, or alone', () => {
    expect(lines(TESTS, /\b(it|test|describe)\.(only|skip|todo|fails)\(/)).toEqual([])
    const conditional = TESTS.flatMap((file) => [...file.code.matchAll(/\.(skipIf|runIf)\(/g)].map((found) => ({ path: file.path, title: titleAfter(file, found.index) })))
    expect(conditional.filter(({ title }) => !/skipped|\$\{/.test(title))).toEqual([])
  })
})

/** The title in `it.skipIf(condition)(title, …)`, also where `.each(table)` stands between. */
function titleAfter(file: SourceFile, from: number): string {
  let at = file.code.indexOf('(', from)
  do {
    at = file.code.indexOf('(', at) + 1
    for (let depth = 1; depth > 0 && at < file.code.length; at++) depth += file.code[at] === '(' ? 1 : file.code[at] === ')' ? -1 : 0
  } while (file.code.startsWith('.each(', at))
  return /^\(\s*(['"`][^\n]*)/.exec(file.text.slice(at))?.[1] ?? ''
}

describe('secrets', () => {
  it('are revealed where they are used, and nowhere else', () => {
    const homes = /^src\/(upstream|auth|tools|store\/redis)\//
    expect(
      lines(
        FILES.filter((file) => !homes.test(file.path)),
        /\.reveal\b/,
      ),
    ).toEqual([])
  })
})
