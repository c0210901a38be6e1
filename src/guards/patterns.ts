// The guard of patterns: what must not be said, and what is said in another form. RE2's semantics, so that no pattern and no text can stall the relay.
import { RE2JS } from 're2js'
import type { GuardRun } from '../config/guard-config.js'
import type { Guard, GuardAnswer } from '../ports/guards.js'

type PatternRun = Extract<GuardRun, { kind: 'patterns' }>

interface Compiled {
  readonly expression: RE2JS
  readonly category: string
}

interface Redaction extends Compiled {
  readonly replacement: string
}

/** One search takes time that grows with the text. So many searches are made of one text; more matches are no slip of the tongue, and block. */
const MOST_MATCHES = 100

/** Takes patterns that `loadConfig` accepted. */
export function createPatternGuard(name: string, run: PatternRun): Guard {
  const judgement = createJudgement(run)
  return {
    name,
    isLocal: true,
    check: async ({ text }) => judgement(text),
    health: async () => ({ status: 'ok', detail: `${run.deny.length + run.redact.length} patterns` }),
    close: async () => undefined,
  }
}

/** What the guard says of a text, at once. */
export function createJudgement({ deny, redact, ignoreCase }: PatternRun): (text: string) => GuardAnswer {
  const flags = ignoreCase ? RE2JS.CASE_INSENSITIVE : 0
  const denied = deny.map(({ pattern, category }): Compiled => ({ expression: RE2JS.compile(pattern, flags), category }))
  const redacted = redact.map(({ pattern, ...rest }): Redaction => ({ expression: RE2JS.compile(pattern, flags), ...rest }))
  return (text) => judge(text, denied, redacted)
}

/** In place of a text with more matches than a person would say. */
const ALL_REDACTED = '[redacted]'

/** What becomes of a text that is kept: each match of the `redact` lists is replaced, in their order. What is denied was not said. */
export function createRedaction(runs: readonly PatternRun[]): (text: string) => string {
  const rules = runs.flatMap(({ redact, ignoreCase }) =>
    redact.map(({ pattern, ...rest }): Redaction => ({ expression: RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0), ...rest })),
  )
  return (text) => {
    let left: string | undefined = text
    for (const rule of rules) left = left === undefined ? undefined : withoutMatches(left, rule)
    return left ?? ALL_REDACTED
  }
}

function judge(text: string, denied: readonly Compiled[], redacted: readonly Redaction[]): GuardAnswer {
  for (const { expression, category } of denied) if (expression.test(text)) return { type: 'block', category }
  let category: string | undefined
  let left = text
  for (const rule of redacted) {
    const changed = withoutMatches(left, rule)
    if (changed === undefined) return { type: 'block', category: rule.category }
    if (changed !== left) category ??= rule.category
    left = changed
  }
  return category === undefined ? { type: 'pass' } : { type: 'redact', category, text: left }
}

/** Undefined: too many matches. An empty match changes nothing. */
function withoutMatches(text: string, { expression, replacement }: Redaction): string | undefined {
  if (!expression.test(text)) return text
  const matcher = expression.matcher(text)
  let kept = ''
  let from = 0
  for (let matches = 0; matcher.find(); matches++) {
    if (matches === MOST_MATCHES) return undefined
    const end = matcher.end()
    if (end === matcher.start()) continue
    kept += text.slice(from, matcher.start()) + replacement
    from = end
  }
  return kept + text.slice(from)
}
