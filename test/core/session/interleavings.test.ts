// Every interleaving of client, upstream, voice detection and tools: what must hold in all of them, and that nobody is left waiting.
import { describe, expect, it } from 'vitest'
import type { SessionProfile } from '../../../src/core/policy/profile.js'
import { arrayAt, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../../src/core/protocol/events.js'
import type { Action } from '../../../src/core/session/actions.js'
import { PREFIX, play, tool } from '../../support/playbook.js'
import { fc } from '../../support/property.js'
import { type Ending, modelUpstream, type Output } from './model-upstream.js'

const OUTPUTS: readonly Output[] = ['message', 'server call', 'client call', 'unknown call', 'background call']
const ENDINGS: readonly Ending[] = ['completed', 'completed', 'completed', 'incomplete', 'failed']
const COMMANDS = ['work', 'work', 'deliver', 'deliver', 'deliver', 'speech', 'create', 'cancel', 'answer', 'tool', 'tool', 'say', 'tick'] as const
/** A spoken turn whose answer called a tool that is still at work, long enough for the line. */
const SLOW_TOOL = ['speech', ...Array<readonly ['work', 'deliver', 'deliver']>(6).fill(['work', 'deliver', 'deliver']).flat(), 'tick', 'tick'] as const
const QUESTION = 'Are you still there?'
/** Nobody speaks, long enough for a question. */
const STILL = Array<'tick'>(4).fill('tick')
const CALLED = { outputs: ['server call'], ending: 'completed' } as const

interface World {
  run(command: (typeof COMMANDS)[number]): void
  /** Lets everything under way come to its end: the upstream works, tools finish, the client answers its calls as an SDK would. */
  finish(): void
  check(): void
  fillers(): number
  questions(): number
  /** No result is left that the model has not spoken about, but for the client's own whose request was refused: it crossed a spoken turn, or was one too many. */
  allAnswered(): boolean
}

function world(plans: readonly { outputs: readonly Output[]; ending: Ending }[], own: Partial<SessionProfile> = {}, patient = false): World {
  const tools = [tool('get_weather'), { ...tool('make_report'), background: true }, tool('show_on_screen', 'client')]
  const p = play({ ...own, tools, limits: { maxViolations: 1e6, responsesPerMinute: 1e6 } as never })
  let planned = 0
  let quiet = false
  const upstream = modelUpstream(() => (quiet ? { outputs: ['message'], ending: 'completed' } : (plans[planned++ % plans.length] ?? { outputs: [], ending: 'completed' })))
  const atWork: string[] = []
  const started: string[] = []
  const answered: string[] = []
  const shown: string[] = []
  const ended: string[] = []
  const openCalls: string[] = []
  const clientCalls: string[] = []
  const requested: string[] = []
  let requestRefused = false
  let oursOut = 0
  let fillers = 0
  const questions = new Set<string>()
  let time = 0
  let clientIds = 0

  const take = (actions: readonly Action[]) => {
    for (const action of actions) {
      if (action.type === 'tool.start') {
        started.push(action.callId)
        atWork.push(action.callId)
      } else if (action.type === 'close') throw new Error(`closed: ${action.why}`)
      else if (action.type === 'send' && action.to === 'client') toClient(action.event)
      else if (action.type === 'send') toUpstream(action.event)
    }
  }
  const toClient = (event: RealtimeEvent) => {
    const text = JSON.stringify(event)
    for (const secret of [PREFIX, 'relay_filler', ...(own.relayEvents ? [] : ['get_weather', 'make_report']), 'nobody_declared_this', 'lighthouse'])
      expect(text, `to the client: ${text}`).not.toContain(secret)
    if (requested.includes(stringAt(objectAt(event, 'error'), 'event_id') ?? '')) requestRefused = true
    const responseId = stringAt(objectAt(event, 'response'), 'id') ?? stringAt(event, 'response_id')
    if (event.type === 'response.created') shown.push(responseId ?? '')
    else if (responseId !== undefined) expect(shown, `${event.type} before its response.created`).toContain(responseId)
    if (responseId !== undefined && event.type !== 'response.created') expect(ended, `${event.type} after its response.done`).not.toContain(responseId)
    if (event.type === 'response.done') ended.push(responseId ?? '')
    for (const item of [objectAt(event, 'item'), ...arrayAt(objectAt(event, 'response'), 'output')] as (JsonObject | undefined)[]) {
      if (item?.type === 'function_call' && event.type === (patient ? 'response.done' : 'response.output_item.done')) {
        openCalls.push(String(item.call_id))
        clientCalls.push(String(item.call_id))
      }
    }
  }
  const toUpstream = (event: RealtimeEvent) => {
    if (event.type === 'response.create' && event.event_id !== undefined && String(event.event_id).startsWith(PREFIX)) {
      expect(p.state.responses.active, 'our response.create while a response is active').toBeUndefined()
      if (JSON.stringify(event).includes(QUESTION)) questions.add(String(event.event_id))
      else oursOut++
      if (objectAt(event, 'response')?.conversation === 'none') fillers++
    }
    const item = objectAt(event, 'item')
    if (item?.type === 'function_call_output') answered.push(String(item.call_id))
    upstream.receive(event)
  }
  const client = (event: object) => take(p.input({ type: 'client.event', event: { event_id: `c${++clientIds}`, ...event } as unknown as RealtimeEvent }))
  const deliver = () => {
    const event = upstream.next()
    const refused = stringAt(objectAt(event, 'error'), 'event_id')
    if (refused?.startsWith(PREFIX) && !questions.has(refused)) oursOut--
    if (event) take(p.input({ type: 'upstream.event', leg: 1, event, frame: undefined }))
    return event !== undefined
  }
  const finishTool = () => {
    const callId = atWork.shift()
    if (callId !== undefined) take(p.input({ type: 'tool.finished', callId, output: 'result', ok: true, durationMs: 1 }))
    return callId !== undefined
  }
  const answerCalls = (): boolean => {
    const calls = openCalls.splice(0)
    for (const callId of calls) client({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: callId, output: 'shown' } })
    if (calls.length > 0) {
      requested.push(`c${clientIds + 1}`)
      client({ type: 'response.create' })
    }
    return calls.length > 0
  }

  return {
    run(command) {
      if (command === 'work') upstream.work()
      else if (command === 'deliver') deliver()
      else if (command === 'speech') upstream.speech()
      else if (command === 'create') client({ type: 'response.create' })
      else if (command === 'cancel') client({ type: 'response.cancel' })
      else if (command === 'answer') answerCalls()
      else if (command === 'tool') finishTool()
      else if (command === 'say') client({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [] } })
      else {
        time += 250
        p.now = time
        take(p.input({ type: 'tick', clientActiveAt: time }))
      }
    },
    finish() {
      quiet = true
      for (let rounds = 0; rounds < 1000; rounds++) {
        const busy = [deliver(), upstream.work(), finishTool()].some(Boolean)
        if (!busy && upstream.received === 0 && !answerCalls()) return
      }
      throw new Error('never at rest')
    },
    check() {
      expect(new Set(started).size, 'a call was started twice').toBe(started.length)
      expect(new Set(answered).size, 'a call was answered twice').toBe(answered.length)
      expect(
        started.filter((callId) => !answered.includes(callId)),
        'calls without a result',
      ).toEqual([])
      expect(new Set(shown).size, 'a response was shown twice').toBe(shown.length)
      expect([...shown].sort(), 'responses shown and never ended').toEqual([...ended].sort())
      const { active, ourRequest, clientRequest, filler, unanswered, deferredRequest, hiddenResponse } = p.state.responses
      expect({ active, ourRequest, clientRequest, filler, unanswered: [...unanswered.keys()], deferredRequest, hiddenResponse }, 'left waiting').toEqual({
        active: undefined,
        ourRequest: undefined,
        clientRequest: undefined,
        filler: undefined,
        unanswered: [],
        deferredRequest: undefined,
        hiddenResponse: undefined,
      })
      // Those that were refused do not count. A background call is followed up twice: when it began and when its result came. One filler line at most for each response that called.
      expect(oursOut).toBeLessThanOrEqual((own.toolFiller ? 3 : 2) * started.length)
    },
    fillers: () => fillers,
    questions: () => questions.size,
    allAnswered: () => upstream.unanswered.every((callId) => requestRefused && clientCalls.includes(callId)),
  }
}

const plan = fc.record({ outputs: fc.array(fc.constantFrom(...OUTPUTS), { maxLength: 3 }), ending: fc.constantFrom(...ENDINGS) })

/** A busy machine takes its time for fifteen hundred orders. */
const SLOW_MS = 60_000

describe('in every order', () => {
  it(
    'no call runs twice or stays unanswered, nothing hidden is shown, every shown response ends, and nothing is left waiting',
    () => {
      fc.assert(
        fc.property(fc.array(plan, { minLength: 1, maxLength: 6 }), fc.array(fc.constantFrom(...COMMANDS), { maxLength: 80, size: 'max' }), (plans, commands) => {
          const one = world(plans)
          for (const command of commands) one.run(command)
          one.finish()
          one.check()
        }),
        { numRuns: 1500 },
      )
    },
    SLOW_MS,
  )

  it(
    'the same with a line said while tools take long',
    () => {
      let said = 0
      fc.assert(
        fc.property(fc.array(plan, { minLength: 1, maxLength: 6 }), fc.array(fc.constantFrom(...COMMANDS), { maxLength: 80, size: 'max' }), (plans, commands) => {
          const one = world([CALLED, ...plans], { relayEvents: true, toolNoticeMs: 250, toolFiller: 'Say that you are looking it up.' })
          for (const command of [...SLOW_TOOL, ...commands]) one.run(command)
          one.finish()
          one.check()
          said += one.fillers()
        }),
        { numRuns: 1500 },
      )
      expect(said).toBeGreaterThanOrEqual(500)
    },
    SLOW_MS,
  )

  it(
    'the same with questions into silence',
    () => {
      let asked = 0
      const silence = { afterMs: 500, question: QUESTION, times: 1000, goodbye: 'Goodbye.' }
      fc.assert(
        fc.property(fc.array(plan, { minLength: 1, maxLength: 6 }), fc.array(fc.constantFrom(...COMMANDS, 'tick', 'tick'), { maxLength: 80, size: 'max' }), (plans, commands) => {
          const one = world(plans, { manners: { silence, hangUp: true } })
          for (const command of [...STILL, ...commands]) one.run(command)
          one.finish()
          one.check()
          asked += one.questions()
        }),
        { numRuns: 700 },
      )
      expect(asked).toBeGreaterThanOrEqual(500)
    },
    SLOW_MS,
  )

  // A client that asks for an answer while a response is active is refused by the service, and that is for the client to mend.
  it(
    'while nobody cancels, no response fails and the client waits for response.done, every result is answered',
    () => {
      const completed = plan.map(({ outputs }) => ({ outputs, ending: 'completed' as const }))
      const commands = fc.array(fc.constantFrom(...COMMANDS.filter((command) => command !== 'cancel')), { maxLength: 80, size: 'max' })
      fc.assert(
        fc.property(fc.array(completed, { minLength: 1, maxLength: 6 }), commands, (plans, run) => {
          const one = world(plans, {}, true)
          for (const command of run) one.run(command)
          one.finish()
          one.check()
          expect(one.allAnswered()).toBe(true)
        }),
        { numRuns: 1500 },
      )
    },
    SLOW_MS,
  )
})
