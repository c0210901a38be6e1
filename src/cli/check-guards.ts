// Asks each guard one harmless question for the command `check`, and says what answered and how fast.
import type { Config } from '../config/config.js'
import type { GuardConfig } from '../config/guard-config.js'
import type { GuardFailure, GuardOutcome } from '../ports/guards.js'
import type { Health } from '../ports/health.js'
import { openGuards } from '../server/guards.js'

type Line = Health & { readonly advice?: string }

const TEXT = 'Good morning.'
const CHECKER = { subject: 'check', issuer: undefined }

const WORDS: Readonly<Record<GuardFailure, string>> = {
  timeout: 'no answer in time',
  failed: 'no usable answer',
  breaker_open: 'not asked',
  too_many: 'not asked',
  aborted: 'not asked',
}

/** Rejects with a `ConfigError` for a module that cannot be used. */
export async function checkGuards(config: Config): Promise<readonly (readonly [string, Line])[]> {
  const reasons = new Map<string, string>()
  const registry = await openGuards(config, {
    info: () => undefined,
    warn: (fields) => void ('guard' in fields && 'reason' in fields && reasons.set(String(fields.guard), String(fields.reason))),
  })
  if (!registry) return []
  try {
    return await Promise.all(
      config.guards.map(async (guard) => {
        const set = registry.guardSet()
        const ask = () => set.ask(guard.name, { side: guard.on[0] ?? 'input', text: TEXT }, { identity: CHECKER, sessionId: 'check', signal: new AbortController().signal })
        return [`guard ${guard.name}`, lineOf(guard, await ask(), reasons.get(guard.name))] as const
      }),
    )
  } finally {
    await registry.close()
  }
}

function lineOf({ run, timeoutMs, whenUnsure }: GuardConfig, { answer, durationMs }: GuardOutcome, reason: string | undefined): Line {
  const where = run.kind === 'http' ? `, ${run.url.host}` : run.kind === 'azure' ? `, ${run.endpoint.host}` : ''
  const took = `${Math.round(durationMs)} of ${timeoutMs} ms${where}`
  if (answer.type === 'none')
    return {
      status: 'down',
      detail: `GUARDS: ${WORDS[answer.why]}${reason === undefined || reason === answer.why ? '' : ` (${reason})`} after ${took}`,
      advice: `Until it answers, what it should check is ${whenUnsure === 'block' ? 'blocked' : 'let through'} (whenUnsure).`,
    }
  if (answer.type === 'pass') return { status: 'ok', detail: `answered within ${took}` }
  return {
    status: 'degraded',
    detail: `GUARDS: ${answer.type === 'block' ? 'blocks' : 'changes'} "${TEXT}" as ${answer.category}`,
    advice: 'It would stop harmless words: look at its patterns or thresholds.',
  }
}
