// Content: random messages, cut at random places, in both directions at once. The hashes of received and sent messages must be equal.
import { type Lab, untilTrue } from './lab.js'
import type { Results } from './results.js'
import { inRounds } from './rounds.js'
import type { Remote } from './rpc.js'
import type { TargetName } from './targets.js'
import type { TrafficCommands } from './traffic.js'

export interface VerifyOptions {
  readonly sessions: number
  readonly messages: number
  readonly maxChars: number
}

export async function verify(lab: Lab, results: Results, targets: readonly TargetName[], options: VerifyOptions): Promise<void> {
  await inRounds(lab, results, { title: 'content', targets, rounds: 1 }, async (target) => {
    await lab.open(target, { sessions: options.sessions })
    await lab.mock.call('reset', { hashing: true })
    await lab.load.call('reset', { hashing: true })
    await lab.mock.call('response', { phase: 'open' })
    const settings = { frames: options.messages, maxChars: options.maxChars }
    const [up, down] = await Promise.all([lab.load.call('sendRandom', settings), lab.mock.call('sendRandom', settings)])
    const expected = options.sessions * options.messages
    const both: readonly Remote<TrafficCommands>[] = [lab.mock, lab.load]
    await untilTrue(async () => (await Promise.all(both.map((end) => end.call('report', {})))).every(({ received }) => received >= expected), 5000)
    const [atMock, atLoad] = await Promise.all([lab.mock.call('report', {}), lab.load.call('report', {})])
    const problems = [...atMock.problems, ...atLoad.problems]
    const check = (what: string, sent: Record<string, string>, got: { received: number; hashes: Readonly<Record<string, string>> }): void => {
      if (got.received !== expected) problems.push(`${what}: ${expected} sent, ${got.received} delivered`)
      for (const [session, hash] of Object.entries(sent)) if (got.hashes[session] !== hash) problems.push(`${what}: session ${session} arrived changed or out of order`)
    }
    check('up', up, atMock)
    check('down', down, atLoad)
    return { values: [], problems }
  })
}
