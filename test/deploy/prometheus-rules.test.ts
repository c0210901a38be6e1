// The rules for Prometheus: their syntax and their cases by promtool, a case of each kind for each alert, and only series that the relay has.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../docs/documents.js'
import { promtool, withoutPrometheus } from '../support/prometheus.js'
import { missing, readYaml } from './yaml.js'

const folder = join(ROOT, 'deploy/prometheus')
interface Rule {
  readonly alert?: string
  readonly expr: string
  readonly annotations?: { readonly summary?: string }
  readonly labels?: { readonly severity?: string }
}
const rules = (readYaml('deploy/prometheus/rules.yml') as { groups: { rules: Rule[] }[] }[]).flatMap(({ groups }) => groups.flatMap((group) => group.rules))
const alerts = rules.flatMap(({ alert }) => (alert === undefined ? [] : [alert]))
interface Case {
  readonly name: string
  readonly input_series?: readonly unknown[]
  readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts?: readonly unknown[] }[]
}
const cases = (readYaml('deploy/prometheus/rules.test.yml') as { tests: readonly Case[] }[]).flatMap(({ tests }) => tests)

describe.skipIf(withoutPrometheus !== '')(`deploy/prometheus${withoutPrometheus}`, () => {
  it('rules.yml is well formed', () => {
    expect(promtool('check', 'rules', join(folder, 'rules.yml'))).toMatchObject({ code: 0 })
  })

  it('every case of rules.test.yml holds', { timeout: 180_000 }, () => {
    const { code, output } = promtool('test', 'rules', join(folder, 'rules.test.yml'))
    expect(output).toContain('SUCCESS')
    expect(code).toBe(0)
  })
})

describe.skipIf(missing !== '')(`the alerts of deploy/prometheus${missing}`, () => {
  it('each have a severity and a sentence', () => {
    expect(alerts.length).toBeGreaterThan(10)
    for (const { alert, labels, annotations } of rules.filter(({ alert }) => alert !== undefined)) {
      expect([alert, labels?.severity]).toEqual([alert, expect.stringMatching(/^(page|ticket)$/)])
      expect(annotations?.summary, alert).toMatch(/\w+ \w+/)
    }
  })

  it.each(alerts)('%s is made to fire, is kept from firing, and is tried without any series', (alert) => {
    const tried = cases.flatMap((one) => (one.alert_rule_test ?? []).map((test) => ({ ...test, without: !one.input_series }))).filter(({ alertname }) => alertname === alert)
    expect(tried.some(({ exp_alerts, without }) => exp_alerts && (!without || alert === 'RelayDown'))).toBe(true)
    expect(tried.some(({ exp_alerts, without }) => !exp_alerts && !without)).toBe(true)
    expect(tried.some(({ without }) => without)).toBe(true)
  })

  it('are all explained in the run-book', () => {
    const page = readFileSync(join(ROOT, 'deploy/run-book.md'), 'utf8')
    for (const alert of alerts) expect(page).toContain(`\`${alert}\``)
  })
})
