// The guard that asks Azure AI Content Safety: how harmful a text is, and whether it attacks the instructions.
import type { GuardRun } from '../config/guard-config.js'
import type { GuardSide } from '../core/policy/guards.js'
import { isObject, type JsonObject } from '../core/protocol/events.js'
import type { Guard, GuardAnswer } from '../ports/guards.js'
import { piecesOf } from './azure-pieces.js'
import { firstBlock } from './first-block.js'
import { GuardFailed } from './guard-failed.js'
import type { GuardOptions } from './guard-options.js'
import { postJson } from './post-json.js'
import { reachable } from './reachable.js'

type AzureRun = Extract<GuardRun, { kind: 'azure' }>

const PASS: GuardAnswer = { type: 'pass' }
/** The set's time limit is shorter. */
const TOKEN_MS = 10_000

export function createAzureGuard(name: string, run: AzureRun, options: Pick<GuardOptions, 'dispatcherFor' | 'reaches' | 'tokensFor'>): Guard {
  const tokens = run.apiKey ? undefined : options.tokensFor(run.scope)
  const reached = reachable(() => options.reaches(run.endpoint))
  const asked = Object.keys(run.categories)

  async function credential(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    if (run.apiKey) return { 'ocp-apim-subscription-key': run.apiKey.reveal() }
    if (!tokens) throw new GuardFailed('no_credential')
    return { authorization: `Bearer ${(await tokens.get(signal, TOKEN_MS)).reveal()}` }
  }

  async function ask(operation: string, body: object, signal: AbortSignal): Promise<JsonObject> {
    const url = new URL(`${run.endpoint.pathname.replace(/\/+$/, '')}/contentsafety/text:${operation}?api-version=${run.apiVersion}`, run.endpoint)
    const answer = parsed(await postJson(url, { headers: await credential(signal), body, dispatcher: options.dispatcherFor(url), signal }))
    if (!isObject(answer)) throw new GuardFailed('answer_is_no_object')
    return answer
  }

  async function analyse(text: string, signal: AbortSignal): Promise<GuardAnswer> {
    const blocklists = run.blocklists.length > 0 ? { blocklistNames: run.blocklists, haltOnBlocklistHit: false } : {}
    const answer = await ask('analyze', { text, ...(asked.length > 0 && { categories: asked }), ...blocklists, outputType: 'EightSeverityLevels' }, signal)
    if (run.blocklists.length > 0 && listOf(answer.blocklistsMatch).length > 0) return { type: 'block', category: 'blocklist' }
    const found = listOf(answer.categoriesAnalysis)
    const severities = new Map(found.map(({ category, severity }) => [category, severity]))
    for (const category of asked) {
      const severity = severities.get(category)
      if (typeof severity !== 'number') throw new GuardFailed('category_missing')
      if (severity >= (run.categories[category] ?? 0)) return { type: 'block', category }
    }
    return PASS
  }

  /** What a tool returned is no prompt of the user's: instructions hidden in it are an attack of another kind. */
  async function shield(text: string, side: GuardSide, signal: AbortSignal): Promise<GuardAnswer> {
    const isPrompt = side === 'input'
    const answer = await ask('shieldPrompt', isPrompt ? { userPrompt: text } : { documents: [text] }, signal)
    const analyses = isPrompt ? (isObject(answer.userPromptAnalysis) ? [answer.userPromptAnalysis] : []) : listOf(answer.documentsAnalysis)
    const [analysis] = analyses
    if (typeof analysis?.attackDetected !== 'boolean') throw new GuardFailed('analysis_missing')
    return analysis.attackDetected ? { type: 'block', category: isPrompt ? 'prompt_attack' : 'indirect_attack' } : PASS
  }

  return {
    name,
    isLocal: false,
    check({ side, text }, { signal }) {
      const pieces = piecesOf(text)
      const analyses = asked.length + run.blocklists.length > 0 ? pieces.map((piece) => analyse(piece, signal)) : []
      const shields = run.promptShield && (side === 'input' || side === 'tool_output') ? pieces.map((piece) => shield(piece, side, signal)) : []
      return firstBlock([...analyses, ...shields])
    },
    async health() {
      const health = await reached()
      return health.status === 'ok' && tokens ? tokens.health() : health
    },
    close: async () => tokens?.close(),
  }
}

/** Throws if there is no such list: an answer without it says nothing. */
function listOf(value: unknown): readonly JsonObject[] {
  if (!Array.isArray(value) || !value.every(isObject)) throw new GuardFailed('list_missing')
  return value
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new GuardFailed('answer_is_no_json')
  }
}
