// Every interleaving with losses: the upstream, dials of the next one, and the client go at any moment. Nothing is lost, doubled or left waiting.
import { describe, expect, it } from 'vitest'
import { arrayAt, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../../src/core/protocol/events.js'
import type { Action } from '../../../src/core/session/actions.js'
import { lanesOf } from '../../../src/core/session/state.js'
import { hasUnanswered } from '../../../src/core/session/tools/ledger.js'
import type { ReceivedEvent } from '../../support/event-log.js'
import { PREFIX, play, tool, updated } from '../../support/playbook.js'
import { fc } from '../../support/property.js'
import { orderProblems } from '../../support/stream-order.js'
import { type Ending, type ModelUpstream, modelUpstream, type Output } from './model-upstream.js'

const OUTPUTS: readonly Output[] = ['message', 'server call', 'client call', 'background call']
const ENDINGS: readonly Ending[] = ['completed', 'completed', 'completed', 'incomplete', 'failed']
const COMMANDS = [
  ...(['work', 'work', 'work', 'deliver', 'deliver', 'deliver', 'deliver', 'speech', 'create', 'cancel', 'answer', 'tool', 'say', 'tick'] as const),
  ...(['lose', 'open', 'open', 'refuse', 'gone', 'back', 'back to items'] as const),
]
type Command = (typeof COMMANDS)[number]
interface Plan {
  readonly outputs: readonly Output[]
  readonly ending: Ending
}

/** As `restore/state.ts` has it: a session is restored so often in a minute. */
const MOST_LOSSES = 3
const LONG_MS = 1e6
const CALLER = { caller: { subject: 'alice', issuer: undefined }, expiresAt: 1e12, exp: 1e12, tokenId: undefined }

/** What a run was good for, over all runs. */
const seen = { losses: 0, lostInRestore: 0, refused: 0, away: 0, cuts: new Set<string>() }

/** `ownTools`: the server has tools too, so that a response is not shown before something of it is. */
function world(plans: readonly Plan[], ownTools: boolean) {
  const tools = [...(ownTools ? [tool('get_weather'), { ...tool('make_report'), background: true }] : []), tool('show_on_screen', 'client')]
  const limits = { maxViolations: 1e6, responsesPerMinute: 1e6, idleTimeoutMs: 1e9, maxSessionMs: 1e9, reconnectMs: LONG_MS, resumeMs: 1e9 }
  const p = play({ tools, relayEvents: true, limits: limits as never })
  let planned = 0
  let quiet = false
  let ids = 0
  const next = (): Plan => (quiet ? { outputs: ['message'], ending: 'completed' } : (plans[planned++ % plans.length] ?? { outputs: [], ending: 'completed' }))
  const fresh = () => modelUpstream(next, { newId: (kind) => `${kind}_${++ids}`, updated: updated(p.state.profile) })
  let upstream = fresh()
  let live: ModelUpstream | undefined = upstream
  // The playbook has opened the first one already.
  upstream.next()
  let dialled: number | undefined
  let switching: ModelUpstream | undefined
  let losses = 0
  let said = new Map<string, string>()
  const toClients: RealtimeEvent[] = []
  const held: RealtimeEvent[] = []
  const atWork: string[] = []
  const started: string[] = []
  const openCalls: string[] = []
  const saidByClient: string[] = []
  let time = 0
  let isAway = false

  const take = (actions: readonly Action[]) => {
    for (const action of actions) {
      if (action.type === 'tool.start') {
        expect(started, 'a call was started twice').not.toContain(action.callId)
        expect(isAway, 'a tool was started for nobody').toBe(false)
        started.push(action.callId)
        atWork.push(action.callId)
      } else if (action.type === 'close') throw new Error(`closed: ${action.code} ${action.why}`)
      else if (action.type === 'dial') dialled = action.leg
      else if (action.type === 'switch') upstream = switching ?? upstream
      else if (action.type === 'resume.offer') take(p.input({ type: 'resume.offered', token: 'id.secret' }))
      else if (action.type === 'note' && action.note.type === 'restored') seen.cuts.add(action.note.cut)
      else if (action.type === 'send' && action.to === 'client') toClient(action.event)
      else if (action.type === 'send') upstream.receive(action.event)
    }
    // A client's frames wait while its lane says so.
    while (held.length > 0 && lanesOf(p.state).client !== 'hold') take(p.input({ type: 'client.event', event: held.shift() as RealtimeEvent }))
  }
  const toClient = (event: RealtimeEvent) => {
    const text = JSON.stringify(event)
    for (const secret of [PREFIX, 'The connection was renewed', 'lighthouse']) expect(text, `to the client: ${text}`).not.toContain(secret)
    toClients.push(event)
    if (event.type !== 'response.done') return
    for (const item of arrayAt(objectAt(event, 'response'), 'output') as JsonObject[])
      if (item.type === 'function_call' && item.status === 'completed') openCalls.push(String(item.call_id))
  }
  const client = (event: object) => {
    if (isAway) return
    held.push({ event_id: `c${++ids}`, ...event } as unknown as RealtimeEvent)
    take([])
  }
  const deliver = () => {
    const event = live?.next()
    if (!event) return false
    const itemId = stringAt(event, 'item_id')
    if (event.type === 'response.output_text.delta' && itemId) said.set(itemId, 'hi')
    take(p.input({ type: 'upstream.event', leg: p.state.upstream.leg, event, frame: undefined }))
    return true
  }
  const lose = () => {
    if (!live || (p.state.upstream.phase === 'ready' && losses === MOST_LOSSES)) return
    if (p.state.upstream.phase === 'ready') losses++
    else seen.lostInRestore++
    seen.losses++
    live = undefined
    const heard = [...said].map(([itemId, text]) => ({ itemId, text, audioMs: 0 }))
    said = new Map()
    take(p.input({ type: 'upstream.closed', leg: p.state.upstream.leg, code: 1006, said: heard }))
  }
  const open = () => {
    if (dialled === undefined) return false
    const leg = dialled
    dialled = undefined
    live = fresh()
    switching = live
    take(p.input({ type: 'upstream.opened', leg, privateWords: [] }))
    return true
  }
  const refuse = () => {
    if (dialled === undefined) return
    seen.refused++
    const leg = dialled
    dialled = undefined
    take(p.input({ type: 'upstream.failed', leg, code: 'upstream_refused', why: 'unreachable' }))
  }
  const finishTool = () => {
    const callId = atWork.shift()
    if (callId !== undefined) take(p.input({ type: 'tool.finished', callId, output: 'result', ok: true, durationMs: 1 }))
    return callId !== undefined
  }
  const answerCalls = (): boolean => {
    if (isAway) return false
    const calls = openCalls.splice(0)
    for (const callId of calls) client({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: callId, output: 'shown' } })
    if (calls.length > 0) client({ type: 'response.create' })
    return calls.length > 0
  }
  const goAway = () => {
    if (isAway || !p.state.resume.isOffered) return
    seen.away++
    isAway = true
    // What was read of it is handled; the rest comes again when it is back, which here is the same.
    take(p.input({ type: 'client.gone' }))
  }
  const comeBack = (recovered: boolean) => {
    if (!isAway) return false
    isAway = false
    const before = toClients.length
    take(p.input({ type: 'client.back', recovered, ...CALLER }))
    // It takes the items anew, so they are no news.
    if (!recovered) toClients.splice(before, toClients.length, ...toClients.slice(before).filter(({ type }) => !type.startsWith('conversation.item.')))
    return true
  }
  const tick = (ms = 250) => {
    time += ms
    p.now = time
    take(p.input({ type: 'tick', clientActiveAt: time }))
  }

  client({ type: 'relay.resume.enable' })
  return {
    run(command: Command) {
      if (command === 'work') live?.work()
      else if (command === 'deliver') deliver()
      else if (command === 'speech') {
        if (p.state.upstream.phase === 'ready') live?.speech()
      } else if (command === 'create') client({ type: 'response.create' })
      else if (command === 'cancel') client({ type: 'response.cancel' })
      else if (command === 'answer') answerCalls()
      else if (command === 'tool') finishTool()
      else if (command === 'say') {
        if (isAway) return
        saidByClient.push(`item_c${ids}`)
        client({ type: 'conversation.item.create', item: { id: saidByClient.at(-1), type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] } })
      } else if (command === 'tick') tick()
      else if (command === 'lose') lose()
      else if (command === 'open') open()
      else if (command === 'refuse') refuse()
      else if (command === 'gone') goAway()
      else comeBack(command === 'back')
    },
    finish() {
      quiet = true
      comeBack(true)
      for (let rounds = 0; rounds < 2000; rounds++) {
        const busy = [open(), deliver(), live?.work() ?? false, finishTool()].some(Boolean)
        if (busy || (live?.received ?? 0) > 0) continue
        if (p.state.upstream.phase !== 'ready') tick(10_000)
        else if (!answerCalls()) return
      }
      throw new Error(`never at rest: ${p.state.upstream.phase}`)
    },
    check() {
      expect(orderProblems(toClients as unknown as ReceivedEvent[])).toEqual([])
      const has = (type: string, callId: string) => upstream.items.filter((item) => item.type === type && item.call_id === callId).length
      for (const callId of started) expect([has('function_call', callId), has('function_call_output', callId)], `of ${callId}, which was started`).toEqual([1, 1])
      const known = upstream.items.map(({ id }) => String(id))
      expect(
        saidByClient.filter((id) => !known.includes(id)),
        'the client’s words are lost',
      ).toEqual([])
      // Half a call is forgotten, and comes again as another.
      const shown = toClients.flatMap(({ type, item }) =>
        type === 'conversation.item.added' && (item as JsonObject).type === 'message' ? [(item as JsonObject).id as string] : [],
      )
      expect(
        shown.filter((id) => !known.includes(id)),
        'shown, and lost',
      ).toEqual([])
      const messages = upstream.items.filter(({ type, role }) => type === 'message' && role !== 'system').map(({ id }) => String(id))
      expect(
        messages.filter((id) => !shown.includes(id)),
        'never shown',
      ).toEqual([])
      const ofServer = upstream.items
        .filter(({ type, name, status }) => ownTools && type === 'function_call' && name !== 'show_on_screen' && status !== 'incomplete')
        .map((item) => String(item.call_id))
      expect(
        ofServer.filter((callId) => has('function_call_output', callId) !== 1),
        'calls without one result',
      ).toEqual([])
      expect(hasUnanswered(p.state.calls), 'a call waits').toBe(false)
      const { active, ourRequest, clientRequest, filler, unanswered, deferredRequest, hiddenResponse } = p.state.responses
      expect([active, ourRequest, clientRequest, filler, [...unanswered.keys()], deferredRequest, hiddenResponse], 'left waiting').toEqual([
        ...Array(4).fill(undefined),
        [],
        undefined,
        undefined,
      ])
    },
  }
}

const plan = fc.record({ outputs: fc.array(fc.constantFrom(...OUTPUTS), { maxLength: 3 }), ending: fc.constantFrom(...ENDINGS) })
/** A busy machine takes its time for fifteen hundred orders. */
const SLOW_MS = 120_000

describe('in every order, with losses', () => {
  it(
    'no call runs twice, no word is lost or doubled, every shown response ends, and nothing is left waiting',
    () => {
      fc.assert(
        fc.property(
          fc.array(plan, { minLength: 1, maxLength: 6 }),
          fc.array(fc.constantFrom(...COMMANDS), { maxLength: 120, size: 'max' }),
          fc.boolean(),
          (plans, commands, ownTools) => {
            const one = world(plans, ownTools)
            for (const command of commands) one.run(command)
            one.finish()
            one.check()
          },
        ),
        { numRuns: 1500 },
      )
      expect(seen.losses).toBeGreaterThanOrEqual(1000)
      expect(Math.min(seen.lostInRestore, seen.refused, seen.away)).toBeGreaterThanOrEqual(200)
      expect([...seen.cuts].sort()).toEqual(['again', 'broken', 'cancelled', 'completed', 'none'])
    },
    SLOW_MS,
  )
})
