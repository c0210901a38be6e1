// The relay's own events about tools, through a whole session: outcome and time come from the run itself.
import { expect, it } from 'vitest'
import { settle } from '../support/memory-link.js'
import { ev } from '../support/playbook.js'
import { openLab } from '../support/relay-lab.js'

it.each([
  ['ok', true],
  ['timeout', false],
  ['invalid_arguments', false],
] as const)('a run that ended as %s is told as ok: %s', async (outcome, ok) => {
  const lab = openLab({ profile: { relayEvents: true } })
  await lab.live()
  lab.upstream.say(ev.created('r'))
  lab.upstream.say(ev.itemDone('r', ev.call('call_0', 'get_weather')))
  expect(await lab.client.hear()).toMatchObject({ type: 'relay.tool.started', name: 'get_weather' })
  lab.tools[0]?.finish({ output: 'x', outcome, durationMs: 34.6 })
  expect(await lab.client.hear()).toMatchObject({ type: 'relay.tool.finished', name: 'get_weather', ok, duration_ms: 35 })
})

it('a preview client hears them too', async () => {
  const lab = openLab({ profile: { relayEvents: true }, clientDialect: 'preview' })
  await lab.live()
  lab.upstream.say(ev.created('r'))
  lab.upstream.say(ev.itemDone('r', ev.call('call_0', 'get_weather')))
  await settle()
  expect(await lab.client.types()).toEqual(['relay.tool.started'])
})
