// A slow tool, over real sockets and in every dialect: the client hears a line meanwhile and then the answer, and sees nothing of the call.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { canariesIn } from '../support/canaries.js'
import { connectClient, type ReceivedEvent } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

const FILLER = 'canary-filler-words: say that you are looking it up.'
const folder = mkdtempSync(join(tmpdir(), 'slow-tools-'))
const profiles = join(folder, 'profiles.json')

let running: RunningRelay
afterEach(() => running.close())

/** The sample back end answers once `answer` is called. */
async function start(env: Record<string, string>): Promise<{ answer: () => void }> {
  let answer = (): void => undefined
  const asked = new Promise<void>((resolve) => {
    answer = resolve
  })
  writeFileSync(profiles, JSON.stringify({ default: { toolNoticeMs: 300, toolFiller: FILLER, relayEvents: true } }))
  running = await runRelay({
    env: { PROFILES_FILE: profiles, ...env },
    toolAnswer: async () => {
      await asked
      return { status: 200, body: 'sunny in Lisbon' }
    },
  })
  rmSync(profiles)
  return { answer }
}

const ofType = (events: readonly ReceivedEvent[], type: string) => events.filter((event) => event.type === type)
const responseOf = (event: ReceivedEvent) => event.response as { id: string; metadata: unknown; status: string }

describe.each([
  ['GA client, GA upstream', '/v1/realtime', {}, 'response.output_audio.delta'],
  ['preview client, GA upstream', '/openai/realtime?api-version=2024-10-01-preview&deployment=realtime', {}, 'response.audio.delta'],
  ['GA client, preview upstream', '/v1/realtime', { AZURE_OPENAI_API_VERSION: '2025-04-01-preview' }, 'response.output_audio.delta'],
  [
    'preview client, preview upstream',
    '/openai/realtime?api-version=2024-10-01-preview&deployment=realtime',
    { AZURE_OPENAI_API_VERSION: '2025-04-01-preview' },
    'response.audio.delta',
  ],
] as const)('%s', (_name, path, env, deltas) => {
  it('a line is heard while the tool is at work, then the answer', async () => {
    const { answer } = await start(env)
    const client = await connectClient(`${running.wsUrl}${path}`, await running.token())
    await client.next('session.created')
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'What is the weather in Lisbon?' }] } })
    client.send({ type: 'response.create' })
    const line = await client.next('response.done')
    expect(responseOf(line)).toMatchObject({ status: 'completed', metadata: null })
    expect(ofType(client.events, 'relay.tool.started')).toHaveLength(1)
    expect(ofType(client.events, deltas).every((event) => event.response_id === responseOf(line).id)).toBe(true)
    answer()
    const done = await client.next('response.done', { from: client.events.indexOf(line) + 1 })
    const heard = (id: string) => ofType(client.events, deltas).filter((event) => event.response_id === id).length
    expect([heard(responseOf(line).id), heard(responseOf(done).id)]).toEqual([expect.any(Number), expect.any(Number)])
    expect(Math.min(heard(responseOf(line).id), heard(responseOf(done).id))).toBeGreaterThan(0)
    expect(JSON.stringify(responseOf(done))).toContain('sunny in Lisbon')
    expect(ofType(client.events, 'response.created').map((event) => responseOf(event).id)).toEqual([responseOf(line).id, responseOf(done).id])
    expect(ofType(client.events, 'error')).toEqual([])
    expect(canariesIn(client.frames.join('\n'))).toEqual([])
    expect(client.frames.join('\n')).not.toMatch(/relay_filler|canary-filler|looking it up/)
    client.close()
  })
})
