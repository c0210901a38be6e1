// The Grafana board and the rules read only metrics and labels that a running relay has; panels do not overlap, and each says what its numbers are.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { board, expressions, groupedBy, type Panel, selectorsOf } from '../support/board.js'
import { connectClient } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'
import { missing, readYaml } from './yaml.js'

/** Added by Prometheus. */
const OF_SCRAPES = ['job', 'instance']
const { panels } = board
const rules =
  missing === ''
    ? (readYaml('deploy/prometheus/rules.yml') as { groups: { rules: { record?: string; alert?: string; expr: string }[] }[] }[]).flatMap(({ groups }) =>
        groups.flatMap((one) => one.rules),
      )
    : []
const recorded = new Set(rules.flatMap(({ record }) => (record === undefined ? [] : [record])))
const bare = (expr: string) => expr.match(/\b(?:relay|nodejs|process)_\w+|\brelay:[\w:]+/g) ?? []

describe('deploy/grafana/board.json', () => {
  let running: RunningRelay
  /** The labels of each series that the relay shows, by name. */
  const shown = new Map<string, Set<string>>()

  beforeAll(async () => {
    running = await runRelay({ simulator: { rateLimits: 'both' }, env: { PRICES_FILE: 'deploy/examples/prices.json', WEBRTC: 'media-only' } })
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token())
    await client.next('session.created')
    await client.ask('Good morning')
    client.close()
    await client.closed()
    const metrics = async () => (await fetch(`${running.relay.adminUrl}/metrics`)).text()
    const text = await vi.waitUntil(async () => [await metrics()].find((one) => one.includes('relay_limit_remaining{')), { timeout: 5000 })
    for (const [, name = '', labels = ''] of text.matchAll(/^([a-z_0-9]+)(?:\{([^}]*)\})? /gm)) {
      const known = shown.get(name) ?? new Set(OF_SCRAPES)
      shown.set(name, known)
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label)
    }
  })
  afterAll(() => running.close())

  it('has queries to check', () => {
    expect(expressions.length).toBeGreaterThan(40)
    expect(expressions.flatMap(({ expr }) => selectorsOf(expr)).length).toBeGreaterThan(40)
  })

  it.each(expressions)('$title: $written', ({ written, legendFormat }) => {
    const selectors = selectorsOf(written)
    const names = new Set(selectors.map(({ metric }) => metric))
    for (const name of bare(written)) expect(names.has(name) || recorded.has(name), name).toBe(true)
    for (const { metric, labels } of selectors.filter(({ metric: name }) => !recorded.has(name))) {
      expect([metric, labels.filter((label) => !shown.get(metric)?.has(label))]).toEqual([metric, []])
      expect([metric, labels]).toEqual([metric, expect.arrayContaining(['job'])])
      for (const label of groupedBy(written)) expect(shown.get(metric)).toContain(label)
    }
    const kept = recorded.has(bare(written)[0] ?? '') ? [] : groupedBy(written)
    for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(kept).toContain(label)
  })

  it.skipIf(missing !== '')(`rules read the same metrics${missing}`, () => {
    expect(rules.length).toBeGreaterThan(15)
    for (const { expr } of rules) {
      for (const name of bare(expr)) expect(shown.has(name) || recorded.has(name), name).toBe(true)
      for (const { metric, labels } of selectorsOf(expr)) expect([metric, labels.filter((label) => !shown.get(metric)?.has(label))]).toEqual([metric, []])
    }
  })

  it('gives no two metrics one name, as OpenMetrics has it: a counter is named without its _total', async () => {
    const text = await (await fetch(`${running.relay.adminUrl}/metrics`)).text()
    const names = [...text.matchAll(/^# TYPE (\S+) (\S+)/gm)].map(([, name = '', type]) => (type === 'counter' ? name.replace(/_total$/, '') : name))
    expect(names.length).toBeGreaterThan(40)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  it('shows the buckets that the objective is counted by', async () => {
    const text = await (await fetch(`${running.relay.adminUrl}/metrics`)).text()
    expect(text).toMatch(/^relay_first_audio_seconds_bucket\{le="1\.3",turn="spoken",tools="no",/m)
  })

  it('has panels with a title, a unit and a place of their own', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const { title, type, fieldConfig, gridPos } of panels) {
      expect(title).toMatch(/\w/)
      if (type !== 'row') expect([title, fieldConfig?.defaults.unit]).toEqual([title, expect.stringMatching(/^\w+$/)])
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
    }
    const overlap = (a: Panel['gridPos'], b: Panel['gridPos']) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
    const pairs = panels.flatMap((one, index) => panels.slice(index + 1).map((other) => [one, other] as const))
    expect(pairs.filter(([one, other]) => overlap(one.gridPos, other.gridPos)).map((pair) => pair.map(({ title }) => title))).toEqual([])
  })

  it('asks every panel of the data source that the reader chose', () => {
    const sources = panels.filter(({ type }) => type !== 'row').map((panel) => (panel as unknown as { datasource: { uid: string } }).datasource.uid)
    expect(new Set(sources)).toEqual(new Set(['$' + '{datasource}']))
  })
})
