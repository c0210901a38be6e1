// The simulator as a library: the packed tarball in an empty project, where the example of its page runs and its types hold.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TYPED = `import { type Faults, type ScriptDocument, type Simulator, startSimulator } from 'realtime-relay/simulator'
const script: ScriptDocument = { answers: [{ on: { says: 'x' }, reply: [{ say: 'y' }] }] }
const faults: Faults = { end: { how: 'silence', at: 'event', type: 'response.done' } }
const simulator: Simulator = await startSimulator({ script, faults })
const kinds: string[] = simulator.received.flatMap((session) => session.events.map((event) => event.type))
// @ts-expect-error A port is a number.
await startSimulator({ port: 'x' })
simulator.setScript(undefined)
await simulator.close()
export const count: number = kinds.length + simulator.conversations().length
`

let folder = ''
let app = ''
const run = (command: string, args: readonly string[], cwd: string) => execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const tsc = join(ROOT, 'node_modules/.bin/tsc')

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'simulator-package-'))
  const packed = join(folder, 'packed')
  app = join(folder, 'app')
  for (const path of [packed, app]) mkdirSync(path)
  run(tsc, ['-p', 'tsconfig.build.json', '--outDir', join(packed, 'dist'), '--tsBuildInfoFile', join(folder, 'build.info')], ROOT)
  for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md']) copyFileSync(join(ROOT, name), join(packed, name))
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], packed)
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) as string
  writeFileSync(join(app, 'package.json'), '{"private":true,"type":"module"}')
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', join(folder, tarball), 'ws'], app)
}, 180_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('runs the example of the page with node --test', () => {
  const page = readFileSync(join(ROOT, 'src/simulator/README.md'), 'utf8')
  for (const [, name, code] of page.matchAll(/^```js\n\/\/ (\S+)\n(.*?)^```/gms)) writeFileSync(join(app, name as string), code as string)
  expect(run('node', ['--test'], app)).toMatch(/pass 1\b/)
})

it('has types, and takes nothing else', () => {
  mkdirSync(join(app, 'node_modules/@types'), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules/@types/node'), join(app, 'node_modules/@types/node'))
  writeFileSync(join(app, 'typed.ts'), TYPED)
  run(tsc, ['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext', '--types', 'node', 'typed.ts'], app)
})

it('starts by its command', () => {
  expect(run(join(app, 'node_modules/.bin/realtime-relay'), ['simulate', '--help'], app)).toContain('--script FILE')
})
