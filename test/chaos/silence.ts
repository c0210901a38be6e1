// How long a caller hears nothing when the upstream is lost in mid-answer: a client with a playback clock, and an upstream far away.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { connectClient } from '../support/realtime-client.js'
import { API_KEY, DEPLOYMENT, runRelay } from '../support/running-relay.js'

/** A dial takes so much longer, and so much passes before each event of the service. */
const DIAL_MS = 200
const ROUND_TRIP_MS = 60
const PCM_BYTES_PER_MS = 48

export interface Silence {
  /** Milliseconds of silence within one answer, after its first sound. */
  readonly withLoss: readonly number[]
  readonly without: readonly number[]
}

export async function silences(calls: number): Promise<Silence> {
  let target = 0
  const far = await farAway(() => target)
  const endpoint = `http://127.0.0.1:${(far.address() as AddressInfo).port}`
  const running = await runRelay({
    simulator: { apiKey: API_KEY, deployments: [DEPLOYMENT], speed: 4, latencyMs: ROUND_TRIP_MS },
    env: (url) => {
      target = Number(new URL(url).port)
      return { AZURE_OPENAI_ENDPOINT: endpoint }
    },
  })
  const withLoss: number[] = []
  const without: number[] = []
  for (let call = 0; call < calls; call++) {
    without.push(await silenceIn(undefined))
    // Early and late in the answer, in turn.
    withLoss.push(await silenceIn(2 + (call % 10) * 3))
  }
  await running.close()
  far.close()
  return { withLoss, without }

  async function silenceIn(nth: number | undefined): Promise<number> {
    running.simulator.setFaults(nth === undefined ? {} : { end: { how: 'rst', at: 'event', type: 'response.output_audio.delta', nth, times: 1 } })
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('alice'))
    await client.next('session.created')
    let endsAt = Number.NaN
    let silence = 0
    client.socket.on('message', (data) => {
      const event = JSON.parse(String(data)) as { type: string; delta?: string }
      if (event.type !== 'response.output_audio.delta') return
      const now = performance.now()
      if (now > endsAt) silence += now - endsAt
      endsAt = Math.max(now, Number.isNaN(endsAt) ? now : endsAt) + ((event.delta ?? '').length * 3) / 4 / PCM_BYTES_PER_MS
    })
    const words = 'a quiet little harbour with seven boats in it and a lighthouse behind the old stone wall'
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: words }] } })
    client.send({ type: 'response.create' })
    await client.next((event) => event.type === 'response.done' && (event.response as { status: string }).status === 'completed', { ms: 20_000 })
    client.close()
    await client.closed()
    return silence
  }
}

/** Whoever connects waits for it, as for another continent. */
async function farAway(target: () => number): Promise<Server> {
  const server = createServer({ pauseOnConnect: true }, (near) => {
    near.on('error', () => near.destroy())
    setTimeout(() => {
      const far = connect(target(), '127.0.0.1')
      far.on('error', () => near.destroy())
      near.on('close', () => far.destroy())
      far.on('close', () => near.resetAndDestroy())
      near.pipe(far).pipe(near)
    }, DIAL_MS)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
