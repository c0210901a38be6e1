// What a replayed conversation costs: the first answer after it reads far fewer tokens if people spoke, and hardly more if they wrote.
import { expect, it, vi } from 'vitest'
import { HEARD } from '../chaos/killed-turn.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { runRelay } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'

const TURNS = 6
const TRANSCRIBED = 'conversation.item.input_audio_transcription.completed'

type Turn = (client: RealtimeClient) => Promise<unknown>

const spoken: Turn = async (client) => {
  const from = client.events.length
  // As long as it takes to say what is heard: fourteen words at 150 a minute.
  for (const audio of appendable(tone(5500), silence(1000))) client.send({ type: 'input_audio_buffer.append', audio })
  await client.next(TRANSCRIBED, { from })
  await client.next('response.done', { from })
}
const written: Turn = (client) => client.ask(HEARD)

/** Input tokens of the last of several answers. `lost`: the upstream is replaced before it. */
async function lastInput(turn: Turn, session: object, lost: boolean): Promise<number> {
  const running = await runRelay({ simulator: { heardText: HEARD }, env: { SESSION: JSON.stringify(session), MESSAGES_PER_SECOND: '10000' } })
  try {
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('alice'))
    await client.next('session.created')
    for (let n = 1; n < TURNS; n++) await turn(client)
    if (lost) running.simulator.setFaults({ end: { how: 'rst', at: 'now', times: 1 } })
    if (lost) await vi.waitFor(() => expect(running.simulator.received.length).toBe(2), { timeout: 10_000 })
    const from = client.events.length
    await turn(client)
    const done = await client.next('response.done', { from })
    client.close()
    await client.closed()
    return (done as unknown as { response: { usage: { input_tokens: number } } }).response.usage.input_tokens
  } finally {
    await running.close()
  }
}

it.each([
  ['spoken', spoken, { audio: { input: { transcription: { model: 'whisper-1' } } } }, 0.5],
  ['written', written, { output_modalities: ['text'] }, 1.1],
] as const)(
  'the first answer after a %s conversation was replayed reads at most its share of the tokens',
  async (_name, turn, session, most) => {
    const replayed = await lastInput(turn, session, true)
    const straight = await lastInput(turn, session, false)
    console.info(`${replayed} tokens after the replay, ${straight} without`)
    expect(replayed / straight).toBeLessThanOrEqual(most)
  },
  60_000,
)
