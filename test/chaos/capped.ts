// Calls that last longer than their upstream allows: each asks and is answered on and on, at moments drawn from a seed.
import { createChance } from '../../src/simulator/ids.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import type { RunningRelay } from '../support/running-relay.js'
import { orderProblems } from '../support/stream-order.js'

export interface Capped {
  /** Empty if all is well. */
  readonly problems: readonly string[]
  readonly answers: number
  /** Milliseconds from a question to the beginning of its answer. */
  readonly p50: number
  readonly p99: number
  readonly rollovers: Readonly<Record<'quiet' | 'forced' | 'failed', number>>
}

const LEAST_PAUSE_MS = 500
const SPREAD_MS = 3000

/** `spreadMs`: the calls begin within it. */
export async function cappedCalls(running: RunningRelay, calls: number, ms: number, spreadMs: number, seed = 1): Promise<Capped> {
  const { fraction } = createChance(seed)
  const until = performance.now() + ms
  const problems: string[] = []
  const waits: number[] = []
  /** What was heard is forgotten after each turn: ten minutes of a hundred voices are gigabytes. */
  const forgetSound = ({ events, frames }: RealtimeClient) => {
    events.splice(0, events.length, ...events.filter(({ type }) => !type.endsWith('.delta')))
    frames.length = 0
  }
  const call = async (nth: number): Promise<void> => {
    await pause(fraction() * spreadMs)
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token(`user-${nth}`, {}, 3600))
    await client.next('session.created')
    const over = client.closed().then(({ code, reason }) => `closed with ${code} ${reason}`)
    let words = ''
    for (let turn = 1; performance.now() < until; turn++) {
      await pause(LEAST_PAUSE_MS + fraction() * SPREAD_MS)
      const from = client.events.length
      const began = performance.now()
      words = `Turn ${turn} of ${nth}`
      const answer = client.ask(words)
      const result = await Promise.race([client.next('response.created', { from }).catch(String), over])
      waits.push(performance.now() - began)
      const all = JSON.stringify(await Promise.race([answer.catch(String), over]))
      if (typeof result === 'string' || !all.includes(words)) {
        const said = client.events.slice(from).flatMap(({ type, transcript }) => (type === 'response.output_audio_transcript.done' ? [transcript] : []))
        problems.push(`${words}: ${typeof result === 'string' ? result : `${all.slice(-200)}, said ${said.join('|')}`}`)
        break
      }
      forgetSound(client)
    }
    const errors = client.events.filter(({ type }) => type === 'error').map(({ error }) => JSON.stringify(error))
    problems.push(...errors, ...orderProblems(client.events))
    client.close()
    await over
  }
  await Promise.all(Array.from({ length: calls }, (_, nth) => call(nth)))
  waits.sort((a, b) => a - b)
  const at = (share: number) => Math.round(waits[Math.floor(waits.length * share)] ?? 0)
  const text = await (await fetch(`${running.relay.adminUrl}/metrics`)).text()
  const moved = (result: string) => Number(new RegExp(`relay_rollovers_total\\{result="${result}"\\} (\\d+)`).exec(text)?.[1] ?? 0)
  return { problems, answers: waits.length, p50: at(0.5), p99: at(0.99), rollovers: { quiet: moved('quiet'), forced: moved('forced'), failed: moved('failed') } }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
