// Debian's Prometheus and its promtool, if they are installed: a server that scrapes a relay, asked through its API.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

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

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

export interface PrometheusServer {
  query(expr: string): Promise<readonly Sample[]>
  /** Labels of each alert that fires now. */
  firing(): Promise<readonly Readonly<Record<string, string>>[]>
  /** Whatever else its API answers. */
  get(path: string): Promise<unknown>
  stop(): Promise<void>
}

/** Scrapes and evaluates every two seconds. `rules`: the text of a rule file. */
export async function startPrometheus(target: string, rules: string): Promise<PrometheusServer> {
  const folder = mkdtempSync(join(tmpdir(), 'prometheus-'))
  writeFileSync(join(folder, 'rules.yml'), rules)
  const timing = 'scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s'
  const config = `global: { ${timing} }\nrule_files: [rules.yml]\nscrape_configs: [{ job_name: relay, static_configs: [{ targets: ['${new URL(target).host}'] }] }]\n`
  writeFileSync(join(folder, 'prometheus.yml'), config)
  const child = spawn(
    prometheusPath() ?? '',
    [
      ...[`--config.file=${join(folder, 'prometheus.yml')}`, `--storage.tsdb.path=${join(folder, 'data')}`, '--web.listen-address=127.0.0.1:0'],
      ...['--enable-feature=exemplar-storage', '--query.lookback-delta=10s'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const killNow = () => void child.kill('SIGKILL')
  process.on('exit', killNow)
  const ended = once(child, 'exit')
  const url = await new Promise<string>((resolve, reject) => {
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk
      const found = /"Listening on" address=(127\.0\.0\.1:\d+)/.exec(said)
      if (found) resolve(`http://${found[1]}`)
    })
    void ended.then(() => reject(new Error(`prometheus ended: ${said}`)))
  })
  while (!(await fetch(`${url}/-/ready`)).ok) await sleep(50)
  const get = async (path: string): Promise<unknown> => ((await (await fetch(`${url}/api/v1/${path}`)).json()) as { data?: unknown }).data
  const stop = async () => {
    child.kill('SIGKILL')
    await ended
    process.off('exit', killNow)
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    get,
    stop,
    async query(expr) {
      const data = (await get(`query?query=${encodeURIComponent(expr)}`)) as { result?: readonly { metric: Record<string, string>; value: [number, string] }[] } | undefined
      if (!data?.result) throw new Error(`no answer to ${expr}`)
      return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
    async firing() {
      const data = (await get('alerts')) as { alerts: readonly { state: string; labels: Record<string, string> }[] }
      return data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels)
    },
  }
}
