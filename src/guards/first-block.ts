// Joins several answers about one text: the first that blocks decides at once, and all must pass.
import type { GuardAnswer } from '../ports/guards.js'

/** A failure counts only if none of the others blocks. */
export function firstBlock(answers: readonly Promise<GuardAnswer>[]): Promise<GuardAnswer> {
  return new Promise((resolve, reject) => {
    const blocked = answers.map((answer) =>
      answer.then((one) => {
        if (one.type === 'block') resolve(one)
      }),
    )
    void Promise.allSettled(blocked).then((all) => {
      const failed = all.find((one) => one.status === 'rejected')
      if (failed) reject(failed.reason)
      else resolve({ type: 'pass' })
    })
  })
}
