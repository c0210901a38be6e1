// Runs one measurement over all targets in interleaved rounds. The order rotates, so a busy moment of the machine affects all targets equally.
import type { Lab, Used } from './lab.js'
import { type Results, type RowHead, record } from './results.js'
import { type Running, type TargetName, whyNot } from './targets.js'

export interface Plan {
  /** Names the scenario in problems and notes. */
  readonly title: string
  readonly targets: readonly TargetName[]
  readonly rounds: number
}

export interface Outcome {
  readonly values: readonly { readonly head: RowHead; readonly value: number }[]
  readonly problems: readonly string[]
  readonly used?: Used
}

/** The targets among `names` that can run here. The others are noted as skipped, once each. */
export function available(lab: Lab, names: readonly TargetName[], results: Results): TargetName[] {
  return names.filter((name) => {
    const why = whyNot(name, lab.surroundings)
    const note = `${name}: ${why}`
    if (why && !results.skipped.includes(note)) results.skipped.push(note)
    return why === undefined
  })
}

/** A round that throws counts as a problem; the others still run. */
export async function inRounds(lab: Lab, results: Results, plan: Plan, measure: (target: Running, round: number) => Promise<Outcome>): Promise<void> {
  const names = available(lab, plan.targets, results)
  for (let round = 0; round < plan.rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length]!
      const where = `${plan.title}, ${name}, round ${round + 1}`
      try {
        const outcome = await measure(await lab.shared(name), round)
        for (const { head, value } of outcome.values) record(results, head, name, round, value)
        results.problems.push(...outcome.problems.map((problem) => `${where}: ${problem}`))
        const figure = outcome.values[0]?.head.figure
        if (outcome.used && figure) results.noise.push({ figure, target: name, round, ...rounded(outcome.used) })
      } catch (error) {
        results.problems.push(`${where}: ${error instanceof Error ? error.message : String(error)}`)
      }
      await lab.close().catch((error: unknown) => results.problems.push(`${where}: closing: ${String(error)}`))
    }
  }
}

function rounded(used: Used): { foreignMs: number; stealMs: number; tookMs: number } {
  return { foreignMs: Math.round(used.foreignMs), stealMs: Math.round(used.stealMs), tookMs: Math.round(used.tookMs) }
}
