// One version of the relay: every file that names one has that of package.json.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readYaml } from './yaml.js'

const ROOT = join(import.meta.dirname, '../..')
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const { version } = JSON.parse(text('package.json')) as { version: string }

it('the chart, the manifests and the lock file say the version of package.json', () => {
  expect(readYaml('deploy/helm/realtime-relay/Chart.yaml')[0]).toMatchObject({ version, appVersion: version })
  expect(JSON.parse(text('package-lock.json'))).toMatchObject({ version, packages: { '': { version } } })
  expect(/newTag: (\S+)/.exec(text('deploy/kubernetes/kustomization.yaml'))?.[1]).toBe(version)
})

it.each(['docker-compose.yml', 'deploy/README.md', 'deploy/run-book.md'])('every image that %s names has it', (path) => {
  const tags = [...text(path).matchAll(/\brealtime-relay:(\d\S*?)(?=[\s`])/g)].map(([, tag]) => tag)
  expect(tags.length).toBeGreaterThan(0)
  expect(new Set(tags)).toEqual(new Set([version]))
})

it('the change log begins with it', () => {
  expect(/^## (\S+)/m.exec(text('CHANGELOG.md'))?.[1]).toBe(version)
})
