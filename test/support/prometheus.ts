// Debian's Prometheus and its promtool, if they are installed.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

function inPath(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, name))
    .find(existsSync)
}

export const promtoolPath = (): string | undefined => inPath('promtool')
export const prometheusPath = (): string | undefined => inPath('prometheus')

export const withoutPrometheus = promtoolPath() && prometheusPath() ? '' : ' (skipped: prometheus and promtool are not installed)'

/** `output`: of both channels. */
export function promtool(...words: readonly string[]): { readonly code: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(promtoolPath() ?? '', words, { encoding: 'utf8' })
  return { code: status, output: `${stdout}${stderr}` }
}
