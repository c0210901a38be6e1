// Runs Helm on the chart, and Kubernetes' published schemas on what it renders, where both are installed.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'

const ROOT = join(import.meta.dirname, '../..')
const CACHE = join(ROOT, 'node_modules/.cache')
export const CHART = join(ROOT, 'deploy/helm/realtime-relay')

/** Helm built by Go takes Kubernetes for an old one unless it is told. */
export const KUBERNETES = '1.31.0'

export type Manifest = { readonly kind: string; readonly metadata: { readonly name: string; readonly labels?: Record<string, string> }; readonly [key: string]: unknown }

const helm = [join(CACHE, 'bin/helm'), 'helm'].find((path) => spawnSync(path, ['version', '--short']).status === 0)
const schemas = join(CACHE, 'kubernetes-validate')

/** For a suite's title: why it is skipped, or nothing. */
export const missingHelm = helm === undefined ? ' (skipped: Helm is not installed: test/deploy/helm-tools.sh)' : ''
export const missingSchemas = existsSync(schemas) ? '' : ' (skipped: kubernetes-validate is not installed: test/deploy/helm-tools.sh)'

/** `values`: as `--set-json` takes them, by path. */
export function render(values: Readonly<Record<string, unknown>> = {}, release = 'realtime-relay', chart = CHART): readonly Manifest[] {
  const { status, stdout, stderr } = run('template', values, release, chart)
  if (status !== 0) throw new Error(stderr)
  return parseAllDocuments(stdout).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(String(document.errors[0]))
    return (document.toJS() as Manifest | null) ?? []
  })
}

/** What Helm says against these values; empty if nothing. */
export function objection(values: Readonly<Record<string, unknown>>, chart = CHART): string {
  const { status, stderr } = run('template', values, 'realtime-relay', chart)
  return status === 0 ? '' : stderr
}

/** What an operator reads after an installation. `place`: a folder for a copy of the chart, since Helm shows it only when it has a cluster. */
export function notes(values: Readonly<Record<string, unknown>>, place: string): string {
  cpSync(CHART, place, { recursive: true })
  renameSync(join(place, 'templates/NOTES.txt'), join(place, 'files/notes'))
  writeFileSync(join(place, 'templates/notes.yaml'), 'kind: Notes\nmetadata:\n  name: notes\nsaid: {{ tpl (.Files.Get "files/notes") . | toJson }}\n')
  const said = render(values, 'realtime-relay', place).find(({ kind }) => kind === 'Notes')?.said
  return String(said)
}

export function lint(): string {
  return execFileSync(helm ?? 'helm', ['lint', '--strict', CHART], { encoding: 'utf8' })
}

/** Packages the chart into that folder. Returns the file. */
export function packaged(folder: string): string {
  execFileSync(helm ?? 'helm', ['package', CHART, '--destination', folder], { stdio: 'ignore' })
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '')
}

function setting(values: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(values).flatMap(([path, value]) => ['--set-json', `${path}=${JSON.stringify(value)}`])
}

function run(word: string, values: Readonly<Record<string, unknown>>, release: string, chart: string) {
  return spawnSync(helm ?? 'helm', [word, release, chart, '--kube-version', KUBERNETES, ...setting(values)], { encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 })
}

const PROGRAM = `
import json, sys
import kubernetes_validate
for manifest in json.load(sys.stdin):
    try:
        kubernetes_validate.validate(manifest, sys.argv[1], strict=True)
    except Exception as error:
        print(manifest["kind"], type(error).__name__, getattr(error, "message", error))
`

/** What the schemas of that version of Kubernetes say against them, one a line; fields that they do not know included. */
export function againstSchemas(manifests: readonly Manifest[]): string {
  const env = { ...process.env, PYTHONPATH: schemas }
  const { stdout, stderr, status } = spawnSync('python3', ['-c', PROGRAM, KUBERNETES.slice(0, -2)], { input: JSON.stringify(manifests), encoding: 'utf8', env })
  return status === 0 ? stdout : stderr
}
