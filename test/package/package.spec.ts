// The packed relay in an empty folder: what is in it, what npm says, and that it runs, as command and as library, on every Node that it is for.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { fullFormats } from 'ajv-formats/dist/formats.js'
import { afterAll, describe, expect, it } from 'vitest'
import { connectClient } from '../support/realtime-client.js'
import { cycloneSchemas, environment, folder, install, node, PROJECT, removeAll, run } from './installed.js'

interface Manifest {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
}
type Lock = { readonly packages: Readonly<Record<string, { readonly version: string; readonly dev?: true }>> }
type Bill = { readonly components: readonly { readonly name: string; readonly version: string }[] }

const json = <T>(...path: readonly string[]) => JSON.parse(readFileSync(join(...path), 'utf8')) as T
const manifest = json<Manifest>(PROJECT, 'package.json')
// Together, since each mostly waits: for the compiler, or for the registry.
const [got, schemas, ...nodes] = await Promise.all([install(), cycloneSchemas(), ...[20, 22, 24].map(async (major) => ({ major, got: await node(major) }))])
const missing = typeof got === 'string' ? ` (skipped: ${got})` : ''
const { unpacked, app, said } = typeof got === 'string' ? { unpacked: '', app: '', said: '' } : got
const npx = join((await run('npm', ['root', '--global'], folder('tools'))).output.trim(), 'npm/bin/npx-cli.js')
afterAll(removeAll)

describe.skipIf(missing !== '')(`the tarball${missing}`, () => {
  const files = missing === '' ? readdirSync(unpacked, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(unpacked, name)).isFile()) : []

  it('has what runs, the types and the documents; no source, no test, no map, no file with secrets', () => {
    // The apps that `init --app` copies are source, and are to be read.
    const others = files.filter((name) => !name.startsWith('test/apps/'))
    expect(files.filter((name) => /^test\/apps\/.*(\.env(?!\.example$)[^/]*$|node_modules|\.next|\.pem$)/.test(name))).toEqual([])
    expect(others.filter((name) => /(^|\/)(test|node_modules)\/|\.map$|\.tsbuildinfo$|\.env|\.pem$|\.npmrc$|(?<!\.d)\.ts$|\.mjs$/.test(name))).toEqual([])
    expect([...new Set(files.map((name) => name.split('/')[0]))].sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'deploy', 'dist', 'package.json', 'src', 'test'])
    expect(files.filter((name) => name.startsWith('src/') && !/\.(md|png)$/.test(name))).toEqual([])
    const built = Object.values(manifest.exports).flatMap((one) => (typeof one === 'string' ? [one] : [one.types, one.default]))
    expect(built.filter((name) => !existsSync(join(unpacked, name)))).toEqual([])
  })

  it('has a whole chart', () => {
    const chart = 'deploy/helm/realtime-relay'
    for (const name of ['board.json', 'rules.yml', '../Chart.yaml', '../values.schema.json']) expect(statSync(join(unpacked, chart, 'files', name)).size).toBeGreaterThan(100)
  })

  it('names no folder of the machine that packed it, and no registry', () => {
    const named = files
      .filter((name) => /\.(js|ts|json|md|html|ya?ml|css)$/.test(name))
      .filter((name) => {
        const text = readFileSync(join(unpacked, name), 'utf8')
        return text.includes(PROJECT) || text.includes(folder('')) || /"resolved":|registry\.npmjs\.org|\/(tmp|root|work)\/[a-z]/.test(text)
      })
    expect(named).toEqual([])
  })

  it('has a bill of materials with exactly what the lock file ships', () => {
    const { components } = json<Bill>(unpacked, 'dist/sbom.cdx.json')
    const shipped = Object.entries(json<Lock>(PROJECT, 'package-lock.json').packages).filter(([path, { dev }]) => path !== '' && !dev)
    const named = (all: readonly string[]) => [...new Set(all)].sort()
    expect(named(components.map(({ name, version }) => `${name}@${version}`))).toEqual(
      named(shipped.map(([path, { version }]) => `${path.split('node_modules/').at(-1)}@${version}`)),
    )
    for (const [name, version] of Object.entries(manifest.dependencies)) expect(components).toContainEqual(expect.objectContaining({ name, version }))
  })

  it.skipIf(schemas === undefined)(`has one that CycloneDX takes${schemas === undefined ? ' (skipped: the registry does not give its schemas)' : ''}`, () => {
    const bill = json<{ specVersion: string }>(unpacked, 'dist/sbom.cdx.json')
    const schema = (name: string) => ({ ...json<object>(schemas ?? '', `${name}.SNAPSHOT.schema.json`), $id: `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json` })
    const ajv = new Ajv({ strict: false, formats: { ...fullFormats, 'iri-reference': true, 'idn-email': true } })
    ajv.addSchema(schema('spdx')).addSchema(schema('jsf-0.82'))
    const check = ajv.compile(schema(`bom-${bill.specVersion}`))
    expect(check(bill), JSON.stringify(check.errors?.slice(0, 3))).toBe(true)
    expect(check({ ...bill, components: [{}] })).toBe(false)
  })

  it('is installed without a warning about a package that is deprecated or refuses this Node', () => {
    expect(said).toMatch(/added \d+ packages/)
    expect(said.split('\n').filter((line) => /deprecated|EBADENGINE|ERESOLVE|vulnerab/i.test(line))).toEqual([])
  })
})

describe.skipIf(missing !== '')(`the types of the installed package${missing}`, () => {
  const check = async (source: string, options: object): Promise<string> => {
    writeFileSync(join(app, 'app.mts'), source)
    const compilerOptions = { strict: true, exactOptionalPropertyTypes: true, noEmit: true, target: 'es2022', ...options }
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.mts'] }))
    return (await run(process.execPath, [join(PROJECT, 'node_modules/typescript/bin/tsc'), '-p', '.', '--pretty', 'false'], app)).output
  }
  const events = `import type { ClientEvent, PreviewServerEvent, ServerEvent, ServerEvents } from 'realtime-relay/events'
export const asks: ClientEvent = { type: 'response.create' }
export const heard = (event: ServerEvent): string => (event.type === 'relay.tool.started' ? event.name : event.type)
export const older = (event: PreviewServerEvent): string => (event.type === 'response.audio.delta' ? event.delta : '')
export const tokens = ({ response }: ServerEvents['response.done']): number => response.usage?.total_tokens ?? 0
// @ts-expect-error no such event
export const wrong: ClientEvent = { type: 'response.invented' }
`
  const servers = `import { startSimulator } from 'realtime-relay/simulator'
import type { Tool } from 'realtime-relay/tool'
export const lookup: Tool<{ id: string }> = ({ id }, { identity }) => id + identity.subject
export const url: Promise<string> = startSimulator().then((simulator) => simulator.url)
// @ts-expect-error nothing is exported but these
export { startServer } from 'realtime-relay'
`
  const pages = `import { connect, type RelayOptions } from 'realtime-relay/browser'
import { resuming } from 'realtime-relay/resuming'
import { useRelay } from 'realtime-relay/react'
export const options: RelayOptions = { url: 'wss://relay.example.com/v1/realtime', token: async () => (await fetch('/token')).text() }
const relay = connect(options)
relay.on('response.output_audio_transcript.delta', ({ delta }) => document.querySelector('p')?.append(delta))
relay.on('problem', ({ message, advice }) => console.warn(message, advice))
// @ts-expect-error no such event
relay.on('response.invented', () => undefined)
export const talk = resuming({ connect: (protocols) => new WebSocket('wss://relay.example.com/v1/realtime', protocols), onEvent: ({ type }) => console.log(type), onState: console.log })
export const words = (): readonly string[] => useRelay(options).lines.map(({ text }) => text)
`

  it.each([
    ['node16', 'node16'],
    ['bundler', 'esnext'],
  ])('of pages are found and hold with moduleResolution %s', async (moduleResolution, module) => {
    const react = { react: [join(PROJECT, 'node_modules/@types/react/index.d.ts')] }
    expect(await check(events + pages, { module, moduleResolution, lib: ['es2022', 'dom'], types: [], paths: react })).toBe('')
  })

  it.each([
    ['node16', 'node16'],
    ['bundler', 'esnext'],
  ])('are found and hold with moduleResolution %s', async (moduleResolution, module) => {
    expect(await check(events + servers, { module, moduleResolution, types: ['node'], typeRoots: [join(PROJECT, 'node_modules/@types')] })).toBe('')
  })

  it('of events need neither Node nor any other package', async () => {
    expect(await check(events, { module: 'esnext', moduleResolution: 'bundler', lib: ['es2022'], types: [] })).toBe('')
  })
})

for (const { major, got: found } of nodes) {
  const why = typeof found === 'string' ? ` (skipped: ${found})` : missing
  const path = typeof found === 'string' ? '' : found.path
  const relay = (...words: readonly string[]) => run('node', [npx, 'realtime-relay', ...words], app, { path })

  describe.skipIf(why !== '')(`the installed package on Node ${major}${why}`, () => {
    it('says its version and its commands', async () => {
      expect((await run('node', ['--version'], app, { path })).output).toMatch(new RegExp(`^v${major}\\.`))
      expect(await relay('--version')).toMatchObject({ code: 0, output: expect.stringContaining(manifest.version) })
      expect(await relay('--help')).toMatchObject({ code: 0, output: expect.stringMatching(/^ {2}demo\b/m) })
    })

    it('runs the demo, which answers with a tool', async () => {
      const demo = spawn('node', [npx, 'realtime-relay', 'demo'], { cwd: app, env: { ...environment(path), PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
      try {
        const [, address = '', token = ''] = await heardFrom(demo.stdout, /WebSocket\s+(ws:\S+)\nToken\s+(\S+)\n/)
        const client = await connectClient(address, token)
        await client.next('session.created')
        const answer = await client.ask('What is the weather in Lisbon?')
        expect(answer.map(({ type }) => type)).toEqual(expect.arrayContaining(['relay.tool.started', 'relay.tool.finished', 'response.output_audio.delta', 'response.done']))
        expect(JSON.stringify(answer.at(-1))).toContain('Lisbon')
        client.close()
      } finally {
        // The process group: npx, and the relay that it has started.
        process.kill(-(demo.pid ?? 0), 'SIGTERM')
        await once(demo, 'exit')
      }
    })

    it('writes an environment to start from, and names every mistake of a wrong one', async () => {
      expect((await relay('init', '--force')).code).toBe(0)
      expect(readFileSync(join(app, '.env'), 'utf8')).toMatch(/^JWT_SECRET=\S{32,}$/m)
      writeFileSync(join(app, 'wrong.env'), 'JWT_SECRET=short\nPORT=no\nAZURE_OPENAI_ENPOINT=https://example.com\n')
      const { code, output, errors } = await relay('serve', '--env-file', 'wrong.env')
      expect(code).toBe(1)
      for (const name of ['JWT_SECRET', 'PORT', 'AZURE_OPENAI_ENPOINT', 'AZURE_OPENAI_ENDPOINT']) expect(`${output}${errors}`).toContain(name)
    })

    it('is a library of three parts, and of nothing else', async () => {
      const source = `import { startSimulator } from 'realtime-relay/simulator'
const simulator = await startSimulator()
const inside = ['realtime-relay', 'realtime-relay/dist/cli.js'].map((name) => import(name).catch(({ code }) => code))
console.log(simulator.url, ...[await import('realtime-relay/tool'), await import('realtime-relay/events')].map((one) => Object.keys(one).length), ...(await Promise.all(inside)))
await simulator.close()
`
      writeFileSync(join(app, 'library.mjs'), source)
      const { code, output, errors } = await run('node', ['library.mjs'], app, { path })
      expect({ code, errors }).toEqual({ code: 0, errors: '' })
      expect(output).toMatch(/^http:\/\/127\.0\.0\.1:\d+ 0 0 ERR_PACKAGE_PATH_NOT_EXPORTED ERR_PACKAGE_PATH_NOT_EXPORTED\n$/)
    })
  })
}

/** The match in what a process says, now or later. Rejects if it says no more. */
function heardFrom(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<RegExpExecArray> {
  let text = ''
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      text += chunk
      const found = pattern.exec(text)
      if (found) resolve(found)
    })
    stream.on('end', () => reject(new Error(`no ${pattern} in: ${text}`)))
  })
}
