// The trial of the image, without an image: what it takes from the manifests, what it would refuse, and that it says when it cannot run.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundleOf, type ImageConfig } from './image/bundle.js'
import { bytesBelow, type ImageFile, imageFiles, machinePaths, packageDifferences, packagesIn, unwanted } from './image/contents.js'
import { podOf, quantity } from './image/pod.js'
import { seccompOf } from './image/seccomp.js'
import { SIZE_BOUNDS } from './image/size.js'
import { missing, readYaml } from './yaml.js'

const PROJECT = join(import.meta.dirname, '../..')
let place = ''
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'relay-image-'))
})
afterEach(() => rmSync(place, { recursive: true }))

const IMAGE: ImageConfig = {
  Env: ['PATH=/usr/bin', 'NODE_ENV=production'],
  Entrypoint: ['/nodejs/bin/node'],
  Cmd: ['dist/main.js'],
  WorkingDir: '/app',
  User: '65532:65532',
  StopSignal: 'SIGTERM',
}

describe.skipIf(missing !== '')(`the bundle that runc gets${missing}`, () => {
  const pod = () => podOf(readYaml('deploy/kubernetes/deployment.yaml')[0] as Parameters<typeof podOf>[0], { MAX_SESSIONS: '200' })
  const choice = { rootfs: '/rootfs', env: { NODE_ENV: 'test' }, folders: { config: '/c', secret: '/s' }, cgroup: '/one' }

  it('has user, root, memory, folders and variables of the Deployment', () => {
    const bundle = bundleOf(IMAGE, pod(), choice)
    expect(bundle.process).toMatchObject({
      user: { uid: 65_532, gid: 65_532, additionalGids: [65_532] },
      args: ['/nodejs/bin/node', 'dist/main.js'],
      cwd: '/app',
      noNewPrivileges: true,
      capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
    })
    expect(bundle.process.env).toEqual(['PATH=/usr/bin', 'NODE_ENV=production', 'MAX_SESSIONS=200', 'REDIS_URL_FILE=/secrets/redis-url', 'NODE_ENV=test'])
    expect(bundle.root).toEqual({ path: '/rootfs', readonly: true })
    expect(bundle.linux).toMatchObject({ cgroupsPath: '/one', resources: { memory: { limit: 768 * 2 ** 20 }, cpu: { shares: 512 } } })
    expect(bundle.mounts.slice(-3)).toEqual([
      { destination: '/config', type: 'bind', source: '/c', options: ['rbind', 'rprivate', 'ro'] },
      { destination: '/secrets', type: 'bind', source: '/s', options: ['rbind', 'rprivate', 'ro'] },
      { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['rw', 'mode=1777', `size=${16 * 2 ** 20}`] },
    ])
    expect(pod()).toMatchObject({ graceSeconds: 40, preStop: ['/nodejs/bin/node', '-e', expect.any(String)], seccomp: true })
  })

  it('runs another command if one is given, and asks for no control group where there is none', () => {
    const { cgroup: _, ...uncounted } = choice
    const bundle = bundleOf(IMAGE, pod(), { ...uncounted, args: ['--version'] })
    expect(bundle.process.args).toEqual(['/nodejs/bin/node', '--version'])
    expect(bundle.linux).not.toHaveProperty('resources')
    expect(bundle.mounts.map(({ type }) => type)).not.toContain('cgroup')
  })

  it('reads Kubernetes’ quantities, and refuses what is none', () => {
    expect(['768Mi', '500m', '2', '1.5G'].map(quantity)).toEqual([768 * 2 ** 20, 0.5, 2, 1.5e9])
    expect(() => quantity('12 MB')).toThrow('12 MB is no quantity')
  })
})

it('keeps of an engine’s profile what holds for a container without capabilities', () => {
  const rule = (name: string, more: object = {}) => ({ names: [name], action: 'SCMP_ACT_ALLOW', args: [], ...more })
  const profile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    archMap: [
      { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
      { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
    ],
    syscalls: [
      rule('read'),
      rule('mount', { includes: { caps: ['CAP_SYS_ADMIN'] } }),
      { names: ['bpf'], action: 'SCMP_ACT_ERRNO', errnoRet: 1, excludes: { caps: ['CAP_BPF'] } },
      rule('arch_prctl', { includes: { arches: ['amd64'] } }),
      rule('cacheflush', { includes: { arches: ['arm64'] } }),
      rule('clone', { excludes: { arches: ['arm64'] } }),
    ],
  }
  expect(seccompOf(profile, 'x64').syscalls.flatMap(({ names }) => names)).toEqual(['read', 'bpf', 'arch_prctl', 'clone'])
  expect(seccompOf(profile, 'arm64')).toMatchObject({ defaultErrnoRet: 38, architectures: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'] })
  expect(seccompOf(profile, 'arm64').syscalls.flatMap(({ names }) => names)).toEqual(['read', 'bpf', 'cacheflush'])
})

describe('what lies in an image', () => {
  const USER = { uid: 65_532, gid: 65_532 }
  const put = (path: string, text = '', mode = 0o644) => {
    mkdirSync(dirname(join(place, path)), { recursive: true })
    writeFileSync(join(place, path), text)
    chmodSync(join(place, path), mode)
  }
  const file = (path: string, more: Partial<ImageFile> = {}): ImageFile => ({ path, folder: false, link: false, mode: 0o100644, uid: 0, gid: 0, bytes: 1, inode: 1, ...more })

  it('is read from its root file system', () => {
    for (const path of ['app/package.json', 'app/dist/main.js', 'app/node_modules/ws/package.json', 'app/node_modules/ws/index.js']) put(path, '12345')
    put('app/node_modules/@a/b/node_modules/c/package.json')
    put('app/node_modules/ws/lib/package.json')
    symlinkSync('main.js', join(place, 'app/dist/also.js'))
    const files = imageFiles(place)
    expect(
      unwanted(
        files.map((one) => ({ ...one, uid: 0, gid: 0 })),
        USER,
      ),
    ).toEqual([])
    expect(packagesIn(files)).toEqual(['node_modules/@a/b/node_modules/c', 'node_modules/ws'])
    expect(bytesBelow(files, 'app/dist/')).toBe(5)
    expect(bytesBelow(files)).toBe(20)
  })

  const rows: readonly (readonly [why: string, path: string, more?: Partial<ImageFile>])[] = [
    ['a source map', 'app/dist/main.js.map'],
    ['a source map', 'app/node_modules/x/lib/a.js.map'],
    ['a source or a declaration', 'app/dist/main.d.ts'],
    ['a source or a declaration', 'app/node_modules/x/src/a.mts'],
    ["the compiler's state", 'app/dist/.tsbuildinfo'],
    ['a lockfile or a setting of npm', 'app/node_modules/.package-lock.json'],
    ['a lockfile or a setting of npm', 'root/.npmrc'],
    ['an environment file', 'app/dist/.env.local'],
    ['a test of ours', 'app/dist/core/step.test.js'],
    ['a file of the project that the relay does not read', 'app/src'],
    ['setuid or setgid', 'usr/lib/su', { mode: 0o104755 }],
    ['a shell or a package manager', 'bin/sh'],
    ['code that the relay could change', 'app', { folder: true, uid: 65_532 }],
    ['code that the relay could change', 'app/dist/cli.js', { mode: 0o100666 }],
    ['code that the relay could change', 'nodejs/bin/node', { gid: 65_532, mode: 0o100775 }],
  ]
  for (const [why, path, more] of rows)
    it(`may not be ${why}: ${path}`, () => {
      expect(unwanted([file(path, more)], USER)).toEqual([`${why}: ${path}`])
    })

  it('names no machine, and has the packages of production alone', () => {
    put('app/dist/a.js', "import '/home/someone/project/x.js'")
    put('app/dist/b.js', "fetch('https://example.com/home/page')")
    expect(machinePaths(place, imageFiles(place))).toEqual(['app/dist/a.js'])
    expect(packageDifferences(['node_modules/vitest', 'node_modules/ws'], ['node_modules/ws', 'node_modules/pino'])).toEqual([
      'not of production: node_modules/vitest',
      'missing: node_modules/pino',
    ])
  })
})

describe('deploy/image/test.sh', () => {
  it('ends with 77 and says why if it cannot run here', () => {
    putTool('uname', '#!/bin/sh\necho Elsewhere\n')
    const { status, stderr } = spawnSync('bash', [join(PROJECT, 'deploy/image/test.sh')], { env: { PATH: `${place}:${process.env.PATH}` }, encoding: 'utf8' })
    expect([status, stderr]).toEqual([77, 'image: skipped, this is no Linux\n'])
  })

  it('holds the sizes that the page names', () => {
    const page = readFileSync(join(PROJECT, 'deploy/README.md'), 'utf8')
    expect(/at most (\d+) MB of files, of which `\/app` (\d+) MB/.exec(page)?.slice(1).map(Number)).toEqual([SIZE_BOUNDS.image / 1e6, SIZE_BOUNDS.app / 1e6])
  })

  function putTool(name: string, text: string) {
    writeFileSync(join(place, name), text, { mode: 0o755 })
  }
})
