// Tools at work in a live session: what they are told, what the model gets, and that nothing waits for them.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { settle } from '../support/memory-link.js'
import { ev } from '../support/playbook.js'
import { type Lab, openLab } from '../support/relay-lab.js'

afterEach(() => vi.useRealTimers())

/** A live session whose model has just called these tools. */
async function calling(...names: readonly string[]): Promise<Lab> {
  const lab = openLab()
  await lab.live()
  const calls = names.map((name, index) => ev.call(`call_${index}`, name, '{"city":"Bergen"}'))
  lab.upstream.say(ev.created('r'))
  for (const call of calls) lab.upstream.say(ev.itemDone('r', call))
  lab.upstream.say(ev.done('r', calls))
  await settle()
  return lab
}

describe('a server-run tool', () => {
  it('gets the call as the model wrote it, the verified caller and a signal', async () => {
    const lab = await calling('get_weather')
    expect(lab.tools).toHaveLength(1)
    expect(lab.tools[0]).toMatchObject({
      call: { callId: 'call_0', name: 'get_weather', arguments: '{"city":"Bergen"}' },
      context: { sessionId: 'sess-4711', trace: undefined, identity: { subject: 'alice', tokenId: 'token-1' }, signal: { aborted: false } },
    })
  })

  it('hands its output to the model, asks for one answer, and is counted', async () => {
    const lab = await calling('get_weather')
    lab.tools[0]?.finish({ output: 'sunny', durationMs: 12, cut: true })
    expect(await lab.upstream.hear()).toMatchObject({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'call_0', output: 'sunny' } })
    expect(await lab.upstream.hear()).toMatchObject({ type: 'response.create' })
    expect(await lab.client.rest()).toEqual([])
    expect(lab.noted('tool_finished')).toEqual([{ type: 'tool_finished', callId: 'call_0', tool: 'get_weather', outcome: 'ok', durationMs: 12, cut: true }])
  })

  it('that breaks its promise and rejects gives the model words without a reason', async () => {
    const lab = await calling('get_weather')
    lab.tools[0]?.fail(new Error('password=hunter2'))
    const output = await lab.upstream.hear()
    expect(output).toMatchObject({ item: { type: 'function_call_output', call_id: 'call_0' } })
    expect(JSON.stringify(output)).not.toContain('hunter2')
    expect(lab.ended()).toBe(0)
  })

  it('of a name nobody declared is run as well and counted under no name of the model’s', async () => {
    const lab = await calling('rm_rf')
    lab.tools[0]?.finish({ output: 'There is no such tool.', outcome: 'unknown_tool' })
    await settle()
    expect(lab.noted('tool_finished')).toMatchObject([{ tool: 'unknown', outcome: 'unknown_tool' }])
  })

  it('holds up neither audio nor the client', async () => {
    const lab = await calling('get_weather')
    const append = lab.client.say({ type: 'input_audio_buffer.append', audio: 'AAAA' })
    expect(await lab.upstream.rest()).toEqual([append])
    lab.upstream.say(ev.created('r2'))
    lab.upstream.say(ev.itemAdded('r2', ev.message('m')))
    const delta = lab.upstream.say({ type: 'response.output_audio.delta', event_id: 'e', response_id: 'r2', item_id: 'm', output_index: 0, content_index: 0, delta: 'AAAA' })
    expect((await lab.client.rest()).at(-1)).toBe(delta)
  })

  it('is aborted when the client cancels, and its output still closes the call', async () => {
    const lab = await calling('get_weather')
    lab.client.say({ type: 'response.cancel' })
    await settle()
    expect(lab.tools[0]?.context.signal.aborted).toBe(true)
    expect(await lab.client.types()).toEqual(['response.created', 'response.done'])
    lab.tools[0]?.finish({ output: 'The call was stopped.', outcome: 'aborted' })
    expect(await lab.upstream.types()).toEqual(['conversation.item.create'])
  })

  it('beside another: each has its own signal, and one answer is asked for both', async () => {
    const lab = await calling('get_weather', 'get_time')
    expect(lab.tools.map((tool) => tool.call.name)).toEqual(['get_weather', 'get_time'])
    expect(lab.tools[0]?.context.signal).not.toBe(lab.tools[1]?.context.signal)
    lab.tools[1]?.finish()
    expect(await lab.upstream.types()).toEqual(['conversation.item.create'])
    lab.tools[0]?.finish()
    expect(await lab.upstream.types()).toEqual(['conversation.item.create', 'response.create'])
  })
})

describe('a client tool', () => {
  it('is seen and answered by the client alone', async () => {
    const lab = await calling('show_on_screen')
    expect(lab.tools).toHaveLength(0)
    expect(await lab.client.types()).toEqual(['response.created', 'response.output_item.done', 'response.done'])
    lab.client.say({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'call_0', output: 'shown' } })
    lab.client.say({ type: 'response.create' })
    expect(await lab.upstream.types()).toEqual(['conversation.item.create', 'response.create'])
  })
})

it('two sessions’ calls of the same id have nothing to do with each other', async () => {
  const lab = await calling('get_weather')
  const other = lab.another()
  await other.live()
  const call = ev.call('call_0', 'get_time')
  other.upstream.say(ev.created('r'))
  other.upstream.say(ev.itemDone('r', call))
  other.upstream.say(ev.done('r', [call]))
  await settle()
  other.tools[0]?.finish({ output: 'noon' })
  expect(await lab.upstream.rest()).toEqual([])
  expect(await other.upstream.hear()).toMatchObject({ item: { output: 'noon' } })
})
