// Tries a built image: what lies in it, and how it runs under runc with the limits of the manifests. Ends with code 1 at the first thing that is wrong.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type OwnRedis, redisBinary, startRedis } from '../../support/redis.js'
import { readYaml } from '../yaml.js'
import { bundleOf, type Choice, type ImageConfig } from './bundle.js'
import { createRuntime } from './containers.js'
import { bytesBelow, imageFiles, machinePaths, packageDifferences, packagesIn, unwanted } from './contents.js'
import { podOf } from './pod.js'
import { seccompOf } from './seccomp.js'
import { SIZE_BOUNDS } from './size.js'
import { API_KEY, type Trial, tryCommands, tryRelay } from './trials.js'

const PROJECT = join(import.meta.dirname, '../../..')
const { values } = parseArgs({ options: { rootfs: { type: 'string' }, image: { type: 'string' }, work: { type: 'string' }, 'stand-ins': { type: 'string' } } })
const { rootfs = '', image: imageFile = '', work = '', 'stand-ins': standIns = '' } = values
const ok = (what: string) => console.log(`ok   ${what}`)
const note = (what: string) => console.log(`NOTE ${what}`)
const MB = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

const image = (JSON.parse(readFileSync(imageFile, 'utf8')) as { Docker: { config: ImageConfig } }).Docker.config
const manifests = ['deployment', 'configmap'].flatMap((name) => readYaml(`deploy/kubernetes/${name}.yaml`)) as {
  kind: string
  metadata: { name: string }
  data?: Record<string, string>
}[]
const manifest = (kind: string, name = 'realtime-relay') => manifests.find((one) => one.kind === kind && one.metadata.name === name)
const pod = podOf(manifest('Deployment') as unknown as Parameters<typeof podOf>[0], manifest('ConfigMap')?.data ?? {})

// Redis is ended at the exit of this process, which a signal would otherwise pass over.
process.once('SIGTERM', () => process.exit(143))
tryContents()
await tryRuns()

function tryContents() {
  assert.equal(image.User, `${pod.uid}:${pod.gid}`, 'the image’s user is not the pod’s')
  const files = imageFiles(rootfs)
  assert.deepEqual(unwanted(files, pod), [])
  assert.deepEqual(machinePaths(rootfs, files), [], 'paths of the machine that built it')
  ok(`${files.length} files: no map, source, test, lockfile, .env, shell, setuid, nor code that uid ${pod.uid} could change`)
  const listed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--package-lock-only', '--parseable'], { cwd: PROJECT, encoding: 'utf8' })
  const production = listed
    .trim()
    .split('\n')
    .slice(1)
    .map((path) => path.slice(PROJECT.length + 1))
  assert.deepEqual(packageDifferences(packagesIn(files), production), [])
  ok(`its ${production.length} packages are those of npm ls --omit=dev`)
  const [app, whole] = [bytesBelow(files, 'app/'), bytesBelow(files)]
  assert.ok(app <= SIZE_BOUNDS.app, `/app has ${MB(app)}, the bound is ${MB(SIZE_BOUNDS.app)}`)
  assert.ok(whole <= SIZE_BOUNDS.image, `the image has ${MB(whole)}, the bound is ${MB(SIZE_BOUNDS.image)}`)
  ok(`size ${MB(whole)}, of it /app ${MB(app)}; bounds ${MB(SIZE_BOUNDS.image)} and ${MB(SIZE_BOUNDS.app)}`)
}

async function tryRuns() {
  const redis: OwnRedis | undefined = redisBinary() === undefined ? undefined : await startRedis()
  if (!redis) note('no redis-server here: the relay runs with its store in process')
  const folders = podFolders(redis?.url)
  const seccomp = seccompProfile()
  const bundleWith = (counted: boolean) => (name: string, choice: Partial<Choice>) =>
    bundleOf(image, pod, { rootfs, folders, env: {}, ...(counted && { cgroup: `/relay-image-${process.pid}-${name}` }), ...(seccomp && { seccomp }), ...choice })
  const counted = await canCount(bundleWith(true))
  const runtime = createRuntime(work, counted)
  try {
    const trial = { runtime, image, pod, bundle: bundleWith(counted), counted, seccomp: seccomp !== undefined, redis: redis !== undefined, ok }
    await tryCommands(trial)
    await tryRelay(trial)
  } finally {
    await runtime.close()
    await redis?.stop()
  }
}

/** Some machines let nobody make control groups. */
async function canCount(bundle: Trial['bundle']): Promise<boolean> {
  const runtime = createRuntime(work, true)
  const { code, output } = await runtime.run('first', bundle('first', { args: ['--version'] }))
  await runtime.close()
  if (code === 0) return true
  assert.match(output, /cgroup/, output)
  note(`NO MEMORY LIMIT, and none was tried: ${output.trim().split('\n').at(-1)}`)
  return false
}

/** Files as the kubelet writes them: a ConfigMap is for all, a Secret for the pod's group alone. */
function podFolders(redisUrl: string | undefined) {
  const folders = { config: join(work, 'config'), secret: join(work, 'secrets') }
  const mode = pod.mounts.find(({ kind }) => kind === 'secret')?.mode ?? 0o440
  mkdirSync(folders.config)
  mkdirSync(folders.secret)
  for (const [name, text] of Object.entries(manifest('ConfigMap', 'realtime-relay-files')?.data ?? {})) writeFileSync(join(folders.config, name), text)
  const secrets = { 'redis-url': redisUrl, 'jwt-secret': 'a secret for one trial of the image, and for nothing else', 'azure-key': API_KEY }
  for (const [name, text] of Object.entries(secrets)) {
    if (text === undefined) continue
    writeFileSync(join(folders.secret, name), text, { mode })
    chownSync(join(folders.secret, name), 0, pod.groups[0] ?? pod.gid)
  }
  return folders
}

function seccompProfile() {
  const file = '/usr/share/containers/seccomp.json'
  if (standIns !== '') note(`stand-ins for ${standIns}`)
  try {
    const profile = seccompOf(JSON.parse(readFileSync(file, 'utf8')) as Parameters<typeof seccompOf>[0], process.arch)
    note('RuntimeDefault is the profile of containers-common, which Podman uses; containerd’s is nearly the same')
    return profile
  } catch {
    note('no profile of system calls: containers-common is not installed')
    return undefined
  }
}
