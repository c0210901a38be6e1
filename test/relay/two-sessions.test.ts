// Two users on one relay, in any interleaving of what they and their upstreams do: neither ever sees anything of the other.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { DialectName } from '../../src/core/protocol/dialect.js'
import type { Identity } from '../../src/ports/caller.js'
import { ev, tool } from '../support/playbook.js'
import { fc } from '../support/property.js'
import { type Lab, type LabOptions, NOW, openLab } from '../support/relay-lab.js'

afterEach(() => vi.useRealTimers())

interface User {
  readonly name: string
  readonly mark: string
  readonly lab: Lab
  /** What this session was sent, both sides, and what its tools were given. */
  readonly seen: string[]
}

const DIALECTS: readonly DialectName[] = ['ga', 'preview']

function optionsFor(name: string, mark: string, clientDialect: DialectName): LabOptions {
  const identity: Partial<Identity> = { subject: name, tokenId: `${mark}-token`, issuer: undefined }
  return {
    clientDialect,
    identity,
    profile: {
      name,
      instructions: `Serve ${mark} alone.`,
      tools: [tool('look_up'), tool('show_on_screen', 'client'), { ...tool(`${name}_only`), owner: 'server' }],
      relayEvents: true,
      limits: { maxViolations: 1000, responsesPerMinute: 100_000 } as never,
    },
    // Both tokens are verified as whose they are, whoever sends them.
    verify: async (token) => ({ subject: token.split('-')[1] ?? '', issuer: undefined, tokenId: `${token}-new`, expiresAtMs: NOW + 9e6, claims: {} }),
  }
}

/** Everything that may happen in a session; each uses ids that both sessions use, and texts that only one does. */
const MOVES: Readonly<Record<string, (user: User, n: number) => unknown>> = {
  audio: ({ lab, mark }) => lab.client.say({ type: 'input_audio_buffer.append', audio: Buffer.from(mark).toString('base64') }),
  item: ({ lab, mark }, n) =>
    lab.client.say({
      type: 'conversation.item.create',
      event_id: `${mark}-${n}`,
      item: { id: `item_${n}`, type: 'message', role: 'user', content: [{ type: 'input_text', text: `said by ${mark}` }] },
    }),
  ask: ({ lab, mark }) => lab.client.say({ type: 'response.create', event_id: `${mark}-ask`, response: { metadata: { of: mark } } }),
  update: ({ lab, mark }) => lab.client.say({ type: 'session.update', event_id: `${mark}-update`, session: { audio: { output: { voice: mark } } } }),
  cancel: ({ lab, mark }) => lab.client.say({ type: 'response.cancel', event_id: `${mark}-cancel` }),
  wrong: ({ lab, mark }) => lab.client.say({ type: 'of.next_year', event_id: `${mark}-wrong` }),
  output: ({ lab, mark }) => lab.client.say({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'call_client', output: mark } }),
  retrieve: ({ lab }, n) => lab.client.say({ type: 'conversation.item.retrieve', item_id: `item_${n}` }),
  refresh: ({ lab, name }) => lab.client.say({ type: 'relay.token.refresh', token: `token-${name}` }),
  created: ({ lab }, n) => lab.upstream.say(ev.created(`r_${n}`)),
  spoken: ({ lab, mark }, n) =>
    lab.upstream.say({ type: 'response.output_audio_transcript.delta', event_id: 'e', response_id: `r_${n}`, item_id: 'm', output_index: 0, content_index: 0, delta: mark }),
  voice: ({ lab, mark }, n) =>
    lab.upstream.say({
      type: 'response.output_audio.delta',
      event_id: 'e',
      response_id: `r_${n}`,
      item_id: 'm',
      output_index: 0,
      content_index: 0,
      delta: Buffer.from(mark).toString('base64'),
    }),
  call: ({ lab, mark }, n) => lab.upstream.say(ev.itemDone(`r_${n}`, ev.call(`call_${n}`, 'look_up', JSON.stringify({ for: mark })))),
  clientCall: ({ lab, mark }, n) => lab.upstream.say(ev.itemDone(`r_${n}`, ev.call('call_client', 'show_on_screen', JSON.stringify({ for: mark })))),
  done: ({ lab, mark }, n) => lab.upstream.say(ev.done(`r_${n}`, [ev.message('m', mark)])),
  added: ({ lab, mark }, n) => lab.upstream.say(ev.added(ev.message(`item_${n}`, mark))),
  error: ({ lab, mark }) => lab.upstream.say(ev.error('invalid_value', `${mark}-ask`)),
  answer: ({ lab, mark }) => lab.tools.at(-1)?.finish({ output: `found for ${mark}` }),
}

async function start(lab: Lab, name: string, mark: string): Promise<User> {
  await lab.live()
  return { name, mark, lab, seen: [] }
}

async function collect(user: User): Promise<void> {
  user.seen.push(...(await user.lab.client.rest()), ...(await user.lab.upstream.rest()))
}

const move = fc.record({ who: fc.constantFrom(0, 1), what: fc.constantFrom(...Object.keys(MOVES), 'time'), n: fc.nat({ max: 3 }), turns: fc.nat({ max: 2 }) })
/** Long enough that a leak by one of the ids both use would be met many times. */
const moves = fc.array(move, { minLength: 20, maxLength: 60 })
const endings = fc.constantFrom('none', 'client', 'upstream', 'revoked', 'drain')

const RUNS = 150

describe('two sessions of different users', () => {
  it('never see each other’s anything', async () => {
    let sawTheirOwn = 0
    await fc.assert(
      fc.asyncProperty(moves, endings, fc.constantFrom(...DIALECTS), fc.constantFrom(...DIALECTS), async (list, ending, one, two) => {
        const first = openLab(optionsFor('alice', 'markalice', one))
        const second = first.another(optionsFor('bob', 'markbobby', two))
        const users = [await start(first, 'alice', 'markalice'), await start(second, 'bob', 'markbobby')] as const
        for (const { who, what, n, turns } of list) {
          const user = users[who as 0 | 1]
          if (what === 'time') await user.lab.pass(250)
          else MOVES[what]?.(user, n)
          for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
        }
        if (ending === 'client') first.client.destroy()
        if (ending === 'upstream') first.upstream.destroy()
        if (ending === 'revoked') first.revoke({ subject: 'alice' })
        for (const user of users) await collect(user)
        check(users[0], users[1])
        check(users[1], users[0])
        for (const { seen, mark } of users) if (seen.some((text) => text.includes(mark))) sawTheirOwn++
        if (ending !== 'none' && ending !== 'drain') expect(second.ended(), 'one session’s end is not the other’s').toBe(0)
        for (const user of users) user.lab.client.destroy()
        await first.pass(0)
      }),
      { numRuns: RUNS },
    )
    expect(sawTheirOwn, 'the marks do travel').toBeGreaterThan(RUNS * 1.8)
  }, 60_000)
})

function check(own: User, other: User): void {
  const theirs = [other.mark, Buffer.from(other.mark).toString('base64'), `${other.name}_only`]
  const text = [...own.seen, JSON.stringify(own.lab.notes), ...own.lab.tools.map(({ call, context }) => JSON.stringify([call, context.identity, context.sessionId]))].join('\n')
  for (const word of theirs) expect(text.includes(word), `${own.name} saw ${word}`).toBe(false)
  for (const { context } of own.lab.tools) expect(context.identity.subject).toBe(own.name)
}
