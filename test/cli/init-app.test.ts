// `init --app` as it is typed: what is copied, what is refused, and that nothing is ever overwritten.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { APP_NAMES, initApp } from '../../src/cli/init-app.js'
import { runCommand } from '../support/built-relay.js'

const APPS = fileURLToPath(new URL('../apps/', import.meta.url))
const ROOT = fileURLToPath(new URL('../../', import.meta.url))

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'init-app-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const init = (...words: string[]) => runCommand(['init', ...words], { cwd: folder })
const filesOf = (path: string) =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length).replace(/^\//, ''))
    .sort()
const manifest = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as { version?: string; dependencies?: Record<string, string>; devDependencies?: Record<string, string> }

describe('init --app', () => {
  it.each(APP_NAMES)('copies %s whole, with an .env of its own, and says what comes next', async (name) => {
    const { code, output, errors } = await init('--app', name, 'mine')
    expect([code, errors]).toEqual([0, ''])
    if (name === 'python') expect(output).toContain(`npx realtime-relay@${manifest(join(ROOT, 'package.json')).version} demo`)
    const committed = filesOf(join(APPS, name)).filter((path) => !/node_modules|\.next|next-env|package-lock|\.wav$|(^|\/)dist\//.test(path))
    expect(filesOf(join(folder, 'mine'))).toEqual([...committed, '.env', '.gitignore'].sort())
    for (const path of committed) expect(readFileSync(join(folder, 'mine', path), 'utf8'), path).toBe(readFileSync(join(APPS, name, path), 'utf8'))
    expect(statSync(join(folder, 'mine', '.env')).mode & 0o777).toBe(0o600)
    const env = parseEnv(readFileSync(join(folder, 'mine', '.env'), 'utf8'))
    expect(env.JWT_SECRET?.length).toBeGreaterThanOrEqual(32)
    expect([env.JWT_ISSUER, env.JWT_AUDIENCE]).toEqual(['my-app', 'realtime-relay'])
    expect(env.JWT_SECRET).not.toBe(env.COOKIE_SECRET)
    for (const secret of Object.entries(env).flatMap(([key, value]) => (/_(SECRET|TOKEN)$/.test(key) ? [value ?? ''] : []))) expect(output).not.toContain(secret)
    expect(readFileSync(join(folder, 'mine', '.gitignore'), 'utf8').split('\n')).toEqual(expect.arrayContaining(['.env*', '!.env.example']))
    expect(output).toMatch(
      /^Next:\n {2}1\. cd mine\n {2}2\. \S.+\n {2}3\. \S.+\n\nUntil realtime-relay \d.+\n {2}npm install <path>\/realtime-relay-\d+\.\d+\.\d+\.tgz\n\nmine\/README\.md says .+\n$/m,
    )
  })

  it('gives every copy its own secrets, and a folder of its own name if none is named', async () => {
    expect((await init('--app', 'page')).output).toContain('cd relay-page')
    await init('--app', 'page', 'another')
    const secrets = ['relay-page', 'another'].map((name) => parseEnv(readFileSync(join(folder, name, '.env'), 'utf8')).JWT_SECRET)
    expect(secrets[0]).not.toBe(secrets[1])
  })

  it('takes an empty folder, and refuses one that has something in it', async () => {
    mkdirSync(join(folder, 'empty'))
    expect((await init('--app', 'node', 'empty')).code).toBe(0)
    mkdirSync(join(folder, 'full'))
    writeFileSync(join(folder, 'full', 'ask.js'), 'precious')
    const { code, errors } = await init('--app', 'node', 'full')
    expect(code).toBe(1)
    expect(errors).toContain('full is not empty, and nothing was written')
    expect(filesOf(join(folder, 'full'))).toEqual(['ask.js'])
    expect(readFileSync(join(folder, 'full', 'ask.js'), 'utf8')).toBe('precious')
    expect((await init('--app', 'node', 'empty')).errors).toContain('empty is not empty')
  })

  it.each([
    [['--app', 'vue'], /There is no app "vue"\. There are: page \(.+\), react \(.+\), next \(.+\), node \(.+\), python \(.+\), phone \(.+\)\./],
    [['--app', '../page'], /There is no app "\.\.\/page"/],
    [['--app', 'constructor'], /There is no app "constructor"/],
    [['--app'], /--app needs a value/],
    [['--app', 'page', 'a', 'b'], /"b" is one word too many/],
    [['--app', 'page', '--force'], /--app takes neither --file nor --force/],
    [['--app', 'page', '--file', 'x'], /--app takes neither --file nor --force/],
  ])('%j is a mistake, and nothing is written', async (words, message) => {
    const { code, errors } = await init(...words)
    expect(code).toBe(1)
    expect(errors).toMatch(message)
    expect(readdirSync(folder)).toEqual([])
  })

  it('says what stands in the way of its folder', async () => {
    writeFileSync(join(folder, 'file'), '')
    expect((await init('--app', 'page', 'file')).errors).toMatch(/^file cannot be written \(EEXIST\)\./)
    expect((await init('--app', 'page', 'file/in')).errors).toMatch(/^file\/in cannot be written \(ENOTDIR\)\./)
  })

  it('says so if an installation has no apps, such as the image', () => {
    expect(() => initApp('page', join(folder, 'x'), () => undefined, join(folder, 'nowhere'))).toThrow('The apps are not part of this installation')
    expect(readdirSync(folder)).toEqual([])
  })

  it('leaves out what runs of an app left in a clone', () => {
    const source = join(folder, 'apps', 'page')
    for (const path of ['node_modules/x', 'public', 'dist', '.next', '__pycache__', '.venv/bin']) mkdirSync(join(source, path), { recursive: true })
    for (const path of [
      'node_modules/x/a.js',
      'dist/a.js',
      '.next/a',
      '__pycache__/a',
      '.venv/bin/a',
      'package-lock.json',
      'tsconfig.tsbuildinfo',
      'answer.wav',
      '.env',
      '.env.local',
      'public/.env.production',
      '.env.example.local',
    ])
      writeFileSync(join(source, path), '')
    writeFileSync(join(source, '.env.example'), 'JWT_SECRET=\n')
    writeFileSync(join(source, 'public/distance.js'), '')
    initApp('page', join(folder, 'copy'), () => undefined, join(folder, 'apps'))
    expect(filesOf(join(folder, 'copy'))).toEqual(['.env', '.env.example', '.gitignore', 'public/distance.js'])
    expect(readFileSync(join(folder, 'copy', '.env'), 'utf8')).toMatch(/^JWT_SECRET=\S{40,}\n$/)
  })

  it('help names every app', async () => {
    const { output } = await init('--help')
    for (const name of APP_NAMES) expect(output).toContain(name)
  })
})

describe('the apps', () => {
  const js = APP_NAMES.filter((name) => name !== 'python')

  it.each(js)('%s names this version of the package, every version exactly, and each package that it imports', (name) => {
    const { dependencies = {}, devDependencies = {} } = manifest(join(APPS, name, 'package.json'))
    const own = { ...dependencies, ...devDependencies }
    expect(dependencies['realtime-relay']).toBe(manifest(join(ROOT, 'package.json')).version)
    for (const [one, version] of Object.entries(own)) expect(version, one).toMatch(/^\d+\.\d+\.\d+$/)
    const code = filesOf(join(APPS, name)).filter((path) => /\.[jt]sx?$/.test(path) && !/node_modules|\.next/.test(path))
    const imported = code.flatMap((path) =>
      [...readFileSync(join(APPS, name, path), 'utf8').matchAll(/(?:from |import\(|resolve\(|^import )'([^'.][^']*)'/gm)].map((found) => found[1] ?? ''),
    )
    const packages = imported
      .filter((one) => !one.startsWith('node:'))
      .map((one) =>
        one
          .split('/')
          .slice(0, one.startsWith('@') ? 2 : 1)
          .join('/'),
      )
    expect(packages.filter((one) => !Object.hasOwn(own, one))).toEqual([])
    if (name !== 'phone') expect(packages.length).toBeGreaterThan(0)
  })

  it('are packed without what a run of them left in a clone, secrets above all', () => {
    const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: readonly string[] }
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'packed', version: '1.0.0', files }))
    cpSync(join(APPS, 'next'), join(folder, 'test/apps/next'), { recursive: true })
    const packed = () =>
      (JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: folder, encoding: 'utf8' })) as [{ files: { path: string }[] }])[0].files.map(
        ({ path }) => path,
      )
    const before = packed()
    expect(before).toContain('test/apps/next/.env.example')
    const left = [
      '.env',
      '.env.local',
      'app/.env.production',
      'key.pem',
      '.next/server/app.js',
      'dist/app.js',
      'node_modules/x/x.js',
      '.venv/bin/pip',
      '__pycache__/ask.pyc',
      'answer.wav',
      'package-lock.json',
      'next-env.d.ts',
      'tsconfig.tsbuildinfo',
    ]
    const planted = [...left.map((path) => `test/apps/next/${path}`), 'deploy/.env.local', 'deploy/tls/key.pem', 'deploy/kubernetes/secret.yaml', 'deploy/azure/my.bicepparam']
    for (const path of planted) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), '')
    }
    expect(packed()).toEqual(before)
    cpSync(join(ROOT, '.gitignore'), join(folder, '.gitignore'))
    execFileSync('git', ['init', '--quiet'], { cwd: folder })
    for (const path of planted) expect(execFileSync('git', ['check-ignore', path], { cwd: folder, encoding: 'utf8' }), path).toBe(`${path}\n`)
  })

  it('page and react have one server and one sign-in', () => {
    for (const path of ['server.js', 'tokens.js', '.env.example']) expect(readFileSync(join(APPS, 'react', path), 'utf8')).toBe(readFileSync(join(APPS, 'page', path), 'utf8'))
  })

  it('each has a README of at most fifteen lines, and no secret in a file', () => {
    for (const name of APP_NAMES) {
      expect(readFileSync(join(APPS, name, 'README.md'), 'utf8').split('\n').length, name).toBeLessThanOrEqual(16)
      expect(readFileSync(join(APPS, name, '.env.example'), 'utf8'), name).not.toMatch(/^[A-Z_]+_(SECRET|TOKEN|KEY)=\S/m)
    }
  })
})
