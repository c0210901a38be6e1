// Packs the project once and installs the tarball into an empty folder, as a user would; and fetches other versions of Node. Nothing is written into the project.
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const PACKED = ['src', 'deploy', 'test/apps', 'package.json', 'package-lock.json', '.npmrc', 'tsconfig.json', 'tsconfig.build.json', 'README.md', 'CHANGELOG.md', 'LICENSE']
const INSTALL_MS = 300_000

export interface Ran {
  readonly code: number
  readonly output: string
  readonly errors: string
}

export interface Installed {
  /** The files of the tarball, below `package/`, unpacked. */
  readonly unpacked: string
  /** Was empty before the tarball was installed. */
  readonly app: string
  /** What npm said while it installed. */
  readonly said: string
  readonly tarball: string
}

let home: string | undefined

/** A folder of this test's own, outside of the project. */
export function folder(name: string): string {
  home ??= mkdtempSync(join(tmpdir(), 'relay-package-'))
  const path = join(home, name)
  mkdirSync(path, { recursive: true })
  return path
}

export function removeAll(): void {
  if (home !== undefined) rmSync(home, { recursive: true, force: true })
}

/** Runs to its end. Of the test's own environment only what npm needs is passed on: no name of a script, and no setting of this relay. */
export function run(file: string, words: readonly string[], cwd: string, { path = '', ms = 120_000 } = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const env = environment(path)
    execFile(file, words, { cwd, env, timeout: ms, maxBuffer: 64 * 1024 * 1024 }, (error, output, errors) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ code, output, errors: error?.killed ? `${errors}\nended after ${ms} ms` : errors })
    })
  })
}

/** `path` goes before the other folders of programs. */
export function environment(path = ''): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => /^(HOME|PATH|TMPDIR|LANG|HTTPS?_PROXY|NO_PROXY|NODE_EXTRA_CA_CERTS|npm_config_registry)$/i.test(name))
  const own = Object.fromEntries(kept.filter((one): one is [string, string] => one[1] !== undefined))
  return { ...own, PATH: [path, own.PATH].filter(Boolean).join(':') }
}

/** The tarball: the project is copied, since packing builds anew and others may be using what is built. */
export async function pack(): Promise<string> {
  const copy = folder('project')
  for (const name of PACKED) cpSync(join(PROJECT, name), join(copy, name), { recursive: true })
  symlinkSync(join(PROJECT, 'node_modules'), join(copy, 'node_modules'), 'dir')
  const { code, errors } = await run('npm', ['pack', '--pack-destination', folder('tarball')], copy)
  if (code !== 0) throw new Error(errors)
  const name = readdirSync(folder('tarball'))[0]
  if (name === undefined) throw new Error('npm pack has made no tarball')
  return join(folder('tarball'), name)
}

/** A sentence if the registry gives nothing; any other failure is thrown. */
export async function install(): Promise<Installed | string> {
  const tarball = await pack()
  const unpacked = folder('unpacked')
  const { code: unpackedCode, errors: why } = await run('tar', ['xzf', tarball, '-C', unpacked], unpacked)
  if (unpackedCode !== 0) throw new Error(why)
  const app = folder('app')
  const { code, output, errors } = await run('npm', ['install', '--prefix', app, '--no-audit', '--no-fund', tarball], app, { ms: INSTALL_MS })
  if (code === 0) return { unpacked: join(unpacked, 'package'), app, said: `${output}${errors}`, tarball }
  if (isAway(errors)) return 'the registry is away'
  throw new Error(errors)
}

/** The folder that has this major version of Node as `node`, from npm; a sentence if the registry does not give it. */
export async function node(major: number): Promise<{ readonly path: string } | string> {
  if (major === Number(process.versions.node.split('.')[0])) return { path: alone(process.execPath, major) }
  const name = `node-${process.platform}-${process.arch}`
  const into = folder(`node-${major}-npm`)
  // Without it npm would install where a folder above has modules.
  const { code, errors } = await run('npm', ['install', '--prefix', into, '--no-audit', '--no-fund', '--ignore-scripts', `${name}@${major}`], into, { ms: INSTALL_MS })
  const program = join(into, 'node_modules', name, 'bin/node')
  if (code === 0 && existsSync(program)) return { path: alone(program, major) }
  if (isAway(errors) || /E404|ETARGET|notarget/.test(errors)) return `${name}@${major} is not to be had`
  throw new Error(errors)
}

/** The schemas of CycloneDX, by name; undefined if the registry is away. */
export async function cycloneSchemas(): Promise<string | undefined> {
  const into = folder('cyclonedx')
  const { code, errors } = await run(
    'npm',
    ['install', '--prefix', into, '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional', '@cyclonedx/cyclonedx-library@10.3.0'],
    into,
    {
      ms: 60_000,
    },
  )
  if (code === 0) return join(into, 'node_modules/@cyclonedx/cyclonedx-library/res/schema')
  if (isAway(errors)) return undefined
  throw new Error(errors)
}

/** A folder with one program in it, so that nothing else comes before the others of `PATH`. */
function alone(program: string, major: number): string {
  const path = folder(`node-${major}`)
  symlinkSync(program, join(path, 'node'))
  return path
}

export function isAway(errors: string): boolean {
  return /ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|NewConnectionError|NameResolutionError|ended after/.test(errors)
}
