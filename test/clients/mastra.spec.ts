// @mastra/voice-openai-realtime 0.14: a GA session whose `listen` asks for its response in preview words. It reads both dialects.
import { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect } from './mastra-talker.js'
import { type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { spokenPcm } from './support/speech.js'
import { checkWire, fourTurns } from './support/turns.js'

describe.each(UPSTREAMS)('@mastra/voice-openai-realtime on a %s upstream', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  it.each(['/v1/realtime', '/openai/realtime'])('on %s: text, audio, a tool of the server, a tool of its own', async (path) => {
    await fourTurns(lab, await connect(`wss://${lab.host}${path}`, await lab.token()))
    expect(lab.targets()).toEqual([`${path}?model=gpt-realtime`])
  })

  it('listen: a whole recording in one message, answered in text as requested', async () => {
    const talker = await connect(`wss://${lab.host}/v1/realtime`, await lab.token())
    const done = talker.answer()
    const recording = Buffer.from(spokenPcm(24_000, 5000))
    await talker.voice.listen(Readable.from([recording]))
    const { text, audioBytes } = await done
    expect(text).toMatch(/\w/)
    expect(audioBytes).toBe(0)
    const sent = lab.running.simulator.received.at(-1)?.events.findLast((event) => event.type === 'conversation.item.create')
    expect(sent).toMatchObject({ item: { content: [{ type: 'input_audio', audio: recording.toString('base64') }] } })
    await talker.close()
    checkWire(lab.toClients())
  })

  it('speak: the model answers as the server’s instructions say, not as the client’s', async () => {
    const talker = await connect(`wss://${lab.host}/v1/realtime`, await lab.token())
    const done = talker.answer()
    await talker.voice.speak('Anything at all', { speaker: 'echo' })
    expect((await done).audioBytes).toBeGreaterThan(4800)
    expect(JSON.stringify(lab.running.simulator.received.at(-1)?.events)).not.toContain('Anything at all')
    await talker.close()
  })
})
