// What is published: every file that names a version has that of package.json, and the workflow that publishes it may do nothing else.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { DOCUMENTS } from '../docs/documents.js'
import { readYaml } from './yaml.js'

const ROOT = join(import.meta.dirname, '../..')
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const { version } = JSON.parse(text('package.json')) as { version: string }

it('the chart, the manifests and the lock file say the version of package.json', () => {
  expect(readYaml('deploy/helm/realtime-relay/Chart.yaml')[0]).toMatchObject({ version, appVersion: version })
  expect(JSON.parse(text('package-lock.json'))).toMatchObject({ version, packages: { '': { version } } })
  expect(/newTag: (\S+)/.exec(text('deploy/kubernetes/kustomization.yaml'))?.[1]).toBe(version)
})

it('every image that a document or the Compose file names has it', () => {
  const tags = ['docker-compose.yml', ...DOCUMENTS].flatMap((path) => [...text(path).matchAll(/\brealtime-relay:(\d[\w.-]*)/g)].map(([, tag]) => `${path}: ${tag}`))
  expect(tags.length).toBeGreaterThan(5)
  expect(tags.filter((tag) => !tag.endsWith(`: ${version}`))).toEqual([])
})

it('the change log begins with it', () => {
  expect(/^## (\S+)/m.exec(text('CHANGELOG.md'))?.[1]).toBe(version)
})

it('the workflow publishes a tagged version with provenance, from a job that may do nothing else and installs nothing', () => {
  interface Job {
    readonly needs?: string
    readonly permissions: object
    readonly steps: readonly { run?: string; uses?: string; with?: object }[]
  }
  const flow = readYaml('.github/workflows/publish.yml')[0] as { on: object; permissions: object; jobs: { pack: Job; publish: Job } }
  expect(flow).toMatchObject({ on: { push: { tags: ['v*'] } }, permissions: {} })
  expect(Object.keys(flow.jobs)).toEqual(['pack', 'publish'])
  const { pack, publish } = flow.jobs
  expect(pack.permissions).toEqual({ contents: 'read' })
  const [tag, programs, ...steps] = pack.steps.flatMap(({ run }) => run ?? [])
  expect(tag).toContain('"v$(node -p')
  // A runner has Docker and Chrome, and lacks these: without them suites are skipped, or meet a Redis in a container that sees none of their files.
  expect(programs).toMatch(/^sudo apt-get .* redis-server espeak-ng$/)
  expect(steps).toEqual(['npm ci --no-audit --no-fund', 'npm run lint', 'npm test', 'npm run test:package', 'npm pack'])
  expect(pack.steps.at(-1)).toMatchObject({ uses: 'actions/upload-artifact@v4', with: { name: 'package', path: 'realtime-relay-*.tgz' } })
  expect(publish).toMatchObject({ needs: 'pack', permissions: { 'id-token': 'write' }, environment: 'npm' })
  expect(Object.keys(publish.permissions)).toEqual(['id-token'])
  expect(publish.steps.map(({ run, uses }) => run ?? uses)).toEqual([
    'actions/setup-node@v4',
    'actions/download-artifact@v4',
    'npm publish ./realtime-relay-*.tgz --provenance --access public --ignore-scripts',
  ])
  expect(publish.steps[1]).toMatchObject({ with: { name: 'package' } })
  for (const { uses } of [...pack.steps, ...publish.steps]) expect(uses ?? 'actions/none@v1').toMatch(/^actions\/[a-z-]+@v\d+$/)
  expect(JSON.parse(text('package.json'))).toMatchObject({ publishConfig: { access: 'public', provenance: true } })
  expect(JSON.parse(text('package.json'))).not.toHaveProperty('private')
})
