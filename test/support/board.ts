// Reads the Grafana board: its panels, and each expression with the variables of Grafana filled in.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly fieldConfig?: { readonly defaults: { readonly unit: string } }
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[]
}

export const board = JSON.parse(readFileSync(join(import.meta.dirname, '../../deploy/grafana/board.json'), 'utf8')) as { readonly panels: readonly Panel[] } & Record<
  string,
  unknown
>

/** Without the filter for what happened at all, since in a test little has. */
export const expressions = board.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({ title, legendFormat, written: expr, expr: expr.replaceAll('$job', '.*').replaceAll('$__rate_interval', '20s').replace(/ > 0$/, '') })),
)

export interface Selector {
  readonly metric: string
  /** Of its matchers. */
  readonly labels: readonly string[]
}

/** Every metric that an expression reads. */
export function selectorsOf(expr: string): readonly Selector[] {
  return [...expr.matchAll(/\b([a-z_][a-z_0-9]*(?::\w+)*)\{([^}]*)\}/g)].map(([, metric = '', matchers = '']) => ({
    metric,
    labels: [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label ?? ''),
  }))
}

/** The labels that an expression keeps, or sums over. */
export function groupedBy(expr: string): readonly string[] {
  return [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels]) => (labels ?? '').split(',').map((label) => label.trim()))
}
