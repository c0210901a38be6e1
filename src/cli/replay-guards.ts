// Which guards a replay asks: patterns, for real and at once. Others would send a recorded person's words to somebody, so they are named and not asked.
import type { GuardConfig, GuardRun } from '../config/guard-config.js'
import type { GuardPolicy } from '../core/policy/guards.js'
import type { AskGuard } from '../core/replay/run.js'

type PatternRun = Extract<GuardRun, { kind: 'patterns' }>

export interface AskedGuards {
  readonly ask: AskGuard
  /** As a record is redacted before it is kept. */
  readonly redact: (text: string) => string
  /** Names, with kinds. */
  readonly notAsked: readonly string[]
}

export async function askedGuards(configs: readonly GuardConfig[], policy: GuardPolicy | undefined): Promise<AskedGuards> {
  const named = new Set(policy?.guards.map(({ name }) => name))
  const ours = configs.filter(({ name }) => named.has(name))
  const patterns = ours.flatMap(({ name, run }): (readonly [string, PatternRun])[] => (run.kind === 'patterns' ? [[name, run]] : []))
  const notAsked = ours.flatMap(({ name, run }) => (run.kind === 'patterns' ? [] : [`${name} by ${run.kind}`]))
  if (patterns.length === 0) return { ask: () => ({ type: 'pass' }), redact: (text) => text, notAsked }
  const { createJudgement, createRedaction } = await import('../guards/patterns.js')
  const judgements = new Map(patterns.map(([name, run]) => [name, createJudgement(run)]))
  return {
    ask: (guard, _side, text) => judgements.get(guard)?.(text) ?? { type: 'pass' },
    redact: createRedaction(patterns.map(([, run]) => run)),
    notAsked,
  }
}
