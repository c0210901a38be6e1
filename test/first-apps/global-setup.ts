// Packs the relay, copies every app out of the package by `init --app`, and installs them, once for all suites of this folder.
import { type ExecFileException, execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const NAMES = ['page', 'react', 'next', 'node', 'python', 'phone']
/** Both downloads, on a slow line. */
const INSTALL_MS = 300_000
const AWAY = /ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|NewConnectionError|Name or service not known/

export interface InstalledApps {
  /** Each app has a folder of its name in it, and all share one `node_modules`. */
  readonly folder: string
  /** Why the JavaScript apps, or the one in Python, cannot be tried. */
  readonly away?: string
  readonly noPython?: string
}

declare module 'vitest' {
  export interface ProvidedContext {
    apps: InstalledApps
  }
}

/** Called once by vitest. */
export async function setup(project: TestProject): Promise<() => unknown> {
  const kept = process.env.APPS_FOLDER
  const folder = kept ?? mkdtempSync(join(tmpdir(), 'first-apps-'))
  if (kept !== undefined) clear(kept)
  const began = performance.now()
  const step = (what: string) => console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${what}`)
  await run('npm', ['run', '-s', 'build'], ROOT, 120_000)
  await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], ROOT, 60_000)
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'none'
  const unpacked = join(folder, 'unpacked')
  mkdirSync(unpacked)
  await run('tar', ['xzf', join(folder, tarball), '-C', unpacked], folder, 60_000)
  for (const name of NAMES) await run(process.execPath, [join(unpacked, 'package/dist/cli.js'), 'init', '--app', name, name], folder, 20_000)
  rmSync(unpacked, { recursive: true })
  step('packed, and copied by init --app')
  const [away, noPython] = await Promise.all([installNode(folder, tarball), installPython(join(folder, 'python'))])
  step(`installed${away ? `, but not from npm: ${away}` : ''}${noPython ? `, but not from PyPI: ${noPython}` : ''}`)
  project.provide('apps', { folder, ...(away !== undefined && { away }), ...(noPython !== undefined && { noPython }) })
  return () => kept === undefined && rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
}

/** Of a run before only the packages of others stay. */
function clear(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const old = [...readdirSync(folder).filter((name) => name !== 'node_modules'), 'node_modules/.package-lock.json', 'node_modules/realtime-relay']
  for (const name of old) rmSync(join(folder, name), { recursive: true, force: true })
}

/** One installation for all, so that what they share is fetched and written once. */
async function installNode(folder: string, tarball: string): Promise<string | undefined> {
  const workspaces = NAMES.filter((name) => name !== 'python')
  for (const name of workspaces) {
    const path = join(folder, name, 'package.json')
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as { dependencies: Record<string, string> }
    manifest.dependencies['realtime-relay'] = `file:../${tarball}`
    writeFileSync(path, JSON.stringify(manifest))
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, workspaces }))
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error', '--fetch-retries=1', '--fetch-retry-mintimeout=1000']
  return reachable(run('npm', ['install', ...flags], folder, INSTALL_MS))
}

async function installPython(folder: string): Promise<string | undefined> {
  try {
    await run('python3', ['-c', 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))'], folder, 20_000)
  } catch {
    return 'there is no python3 of 3.10 or newer with venv'
  }
  await run('python3', ['-m', 'venv', '.venv'], folder, 60_000)
  const flags = ['--quiet', '--disable-pip-version-check', '--retries', '1', '--timeout', '20']
  return reachable(run('.venv/bin/pip', ['install', ...flags, '-r', 'requirements.txt'], folder, INSTALL_MS))
}

async function reachable(installing: Promise<unknown>): Promise<string | undefined> {
  try {
    await installing
    return undefined
  } catch (error) {
    const { stderr = '' } = error as ExecFileException
    if (AWAY.test(stderr)) return 'the registry cannot be reached'
    throw error
  }
}

function run(file: string, words: readonly string[], cwd: string, timeout: number): Promise<unknown> {
  return promisify(execFile)(file, words, { cwd, timeout, maxBuffer: 10_000_000 })
}
