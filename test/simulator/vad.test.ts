// Voice detection by energy, over sockets: what starts a turn, what ends it, and which audio it holds. Its times are whole frames of 32 ms.
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { decodeG711, encodeG711 } from '../../src/simulator/g711.js'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { appends, connect, tone, update } from './client.js'

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator({ speed: Number.POSITIVE_INFINITY })
})
afterAll(() => simulator.close())

it('hears G.711 as well', async () => {
  const other = await connect(simulator)
  for (const [type, law, endMs] of [
    ['audio/pcmu', 'ulaw', 928],
    ['audio/pcma', 'alaw', 2048],
  ] as const) {
    other.send(update({ output_modalities: ['text'], audio: { input: { format: { type } }, output: { format: { type } } } }))
    const bytes = encodeG711(Buffer.concat([tone(200, 0), tone(500), tone(400, 0)]), law)
    other.send({ type: 'input_audio_buffer.append', audio: bytes.toString('base64') })
    const stopped = (await other.until('response.done')).find((event) => event.type === 'input_audio_buffer.speech_stopped')
    expect(stopped?.audio_end_ms).toBe(endMs)
    other.send({ type: 'response.create', response: { output_modalities: ['audio'] } })
    const deltas = (await other.until('response.done')).filter((event) => event.type === 'response.output_audio.delta')
    expect(Buffer.from(String(deltas[0]?.delta), 'base64')).toHaveLength(1600)
  }
  other.close()
})

it('ignores noise below the threshold and obeys silence_duration_ms', async () => {
  const other = await connect(simulator)
  other.send(
    update({
      output_modalities: ['text'],
      audio: { input: { turn_detection: { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 100, silence_duration_ms: 600, create_response: false } } },
    }),
  )
  await other.next('session.updated')
  for (const event of appends(Buffer.concat([tone(1000, 0.005), tone(400), tone(500, 0), tone(400), tone(700, 0)]))) other.send(event)
  const committed = await other.until('conversation.item.done')
  expect(committed.map((event) => event.type)).toEqual([
    'input_audio_buffer.speech_started',
    'input_audio_buffer.speech_stopped',
    'input_audio_buffer.committed',
    'conversation.item.added',
    'conversation.item.done',
  ])
  expect(committed[0]?.audio_start_ms).toBe(924)
  expect(committed[1]?.audio_end_ms).toBe(2912)
  other.send({ type: 'conversation.item.retrieve', item_id: committed[2]?.item_id })
  const item = (await other.next('conversation.item.retrieved')).item as JsonObject
  expect(Buffer.from(String((item.content as JsonObject[])[0]?.audio), 'base64')).toHaveLength((2912 - 924) * 48)
  other.close()
})

it('ignores a click, and ends semantic turns by silence', async () => {
  const other = await connect(simulator)
  other.send(update({ output_modalities: ['text'], audio: { input: { turn_detection: { type: 'semantic_vad', eagerness: 'high', create_response: false } } } }))
  await other.next('session.updated')
  for (const event of appends(Buffer.concat([tone(40), tone(960, 0), tone(400), tone(500, 0)]))) other.send(event)
  const [started, stopped] = await other.until('input_audio_buffer.speech_stopped')
  expect([started?.type, started?.audio_start_ms, stopped?.audio_end_ms]).toEqual(['input_audio_buffer.speech_started', 724, 1728])
  other.close()
})

it('finds the same speech for any size of appends', async () => {
  const pcm = Buffer.concat([tone(300, 0), tone(500), tone(400, 0)])
  for (const size of [7, 961, 4801, pcm.length]) {
    const other = await connect(simulator)
    other.send(update({ audio: { input: { turn_detection: { type: 'server_vad', create_response: false } } } }))
    for (let at = 0; at < pcm.length; at += size) other.send({ type: 'input_audio_buffer.append', audio: pcm.subarray(at, at + size).toString('base64') })
    const stopped = await other.next('input_audio_buffer.speech_stopped')
    expect(stopped.audio_end_ms).toBe(1024)
    other.close()
  }
})

it.each(['ulaw', 'alaw'] as const)('keeps the shape of sound through %s', (law) => {
  const pcm = tone(100)
  const back = decodeG711(encodeG711(pcm, law), law)
  expect(back).toHaveLength(pcm.length)
  let worst = 0
  for (let at = 0; at < pcm.length; at += 2) worst = Math.max(worst, Math.abs(pcm.readInt16LE(at) - back.readInt16LE(at)))
  expect(worst).toBeLessThan(1500)
  // Published values: silence and full scale of both laws.
  expect([...encodeG711(Buffer.alloc(6), law)]).toEqual([law === 'ulaw' ? 0xff : 0xd5])
  expect(decodeG711(Buffer.from([law === 'ulaw' ? 0x80 : 0xaa]), law).readInt16LE(0)).toBe(law === 'ulaw' ? 32_124 : 32_256)
})
