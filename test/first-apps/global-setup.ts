// Packs the relay, copies every app out of the package by `init --app`, and installs them, once for all suites of this folder.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { isAway, pack, type Ran, removeAll, run } from '../package/installed.js'

const NAMES = ['page', 'react', 'next', 'node', 'python', 'phone']
/** Both downloads, on a slow line. */
const INSTALL_MS = 300_000

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
  // Not at once: vitest has to hear its workers end meanwhile.
  const remove = async () => kept === undefined && rm(folder, { recursive: true, force: true, maxRetries: 3 })
  try {
    project.provide('apps', { folder, ...(await install(folder)) })
  } catch (error) {
    await remove()
    throw error
  }
  return remove
}

async function install(folder: string): Promise<Omit<InstalledApps, 'folder'>> {
  const began = performance.now()
  const step = (what: string) => console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${what}`)
  const tarball = await pack()
  cpSync(tarball, join(folder, basename(tarball)))
  const unpacked = join(folder, 'unpacked')
  mkdirSync(unpacked)
  orThrow(await run('tar', ['xzf', tarball, '-C', unpacked], folder))
  for (const name of NAMES) orThrow(await run(process.execPath, [join(unpacked, 'package/dist/cli.js'), 'init', '--app', name, name], folder))
  rmSync(unpacked, { recursive: true })
  removeAll()
  step('packed, and copied by init --app')
  const [noNode, noPython] = await Promise.all([installNode(folder, basename(tarball)), installPython(join(folder, 'python'))])
  step(`installed${noNode ? `, but not from npm: ${noNode}` : ''}${noPython ? `, but not from PyPI: ${noPython}` : ''}`)
  return { ...(noNode !== undefined && { away: noNode }), ...(noPython !== undefined && { noPython }) }
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
  return away(await run('npm', ['install', ...flags], folder, { ms: INSTALL_MS }))
}

async function installPython(folder: string): Promise<string | undefined> {
  const { code } = await run('python3', ['-c', 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))'], folder)
  if (code !== 0) return 'there is no python3 of 3.10 or newer with venv'
  orThrow(await run('python3', ['-m', 'venv', '.venv'], folder))
  const flags = ['--quiet', '--disable-pip-version-check', '--retries', '1', '--timeout', '20']
  return away(await run('.venv/bin/pip', ['install', ...flags, '-r', 'requirements.txt'], folder, { ms: INSTALL_MS }))
}

/** Why nothing could be installed, if the registry is to blame. */
function away(ran: Ran): string | undefined {
  if (ran.code !== 0 && isAway(ran.errors)) return 'the registry cannot be reached'
  orThrow(ran)
  return undefined
}

function orThrow({ code, output, errors }: Ran): void {
  if (code !== 0) throw new Error(`ended with ${code}: ${output}${errors}`)
}
