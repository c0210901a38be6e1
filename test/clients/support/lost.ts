// Turns of a client whose relay loses its upstream in each of them, and what the client may notice of that: a pause.
import { expect, vi } from 'vitest'
import type { ReceivedEvent } from '../../support/event-log.js'
import { orderProblems } from '../../support/stream-order.js'
import type { Lab, WireEvent } from './lab.js'
import { checkWire, type Talker } from './turns.js'

export const CALL = 'response.function_call_arguments.done'

interface Losses {
  /** The connection breaks at the first event of this type that the present upstream session sends. */
  at(type: string): void
  /** It breaks in the middle of the next response. */
  inAnswer(): void
  /** It ends now, while nothing is under way. Resolves when there is another. */
  now(): Promise<void>
  /** A session has begun. */
  inSession(): void
  /** That there was a loss since the last time. */
  check(): void
}

export function losses({ running: { simulator } }: Lab): Losses {
  const present = () => simulator.received.at(-1)?.sessionId
  let before = present()
  const check = () => {
    expect(present(), 'the same upstream session').not.toBe(before)
    before = present()
  }
  return {
    at: (type) => simulator.setFaults({ end: { how: 'rst', at: 'event', type, nth: 1, times: 1 } }),
    inAnswer: () => simulator.setFaults({ end: { how: 'rst', at: 'response', afterDeltas: 3, times: 1 } }),
    async now() {
      simulator.setFaults({ end: { how: 'close', code: 1001, at: 'now' } })
      simulator.setFaults({})
      await vi.waitFor(check, { timeout: 10_000, interval: 20 })
    },
    inSession() {
      before = present()
    },
    check,
  }
}

/** Nothing that is no part of an undisturbed session: no error, no event of the relay's own, no broken order, and the ids stay. */
export function noticedNothing(lab: Lab, usual: ReadonlySet<string>): void {
  const events = lab.toClients()
  checkWire(events)
  expect(orderProblems(events as readonly ReceivedEvent[])).toEqual([])
  expect([...new Set(events.map(({ type }) => type))].filter((type) => !usual.has(type))).toEqual([])
  const upstream = (lab.running.simulator.conversations().at(-1)?.items ?? []).map(({ id }) => id)
  const shown = events.flatMap(({ type, item }) => (type === 'conversation.item.added' || type === 'conversation.item.created' ? [(item as WireEvent).id] : []))
  expect(shown.filter((id) => !upstream.includes(id as string))).toEqual([])
  expect(lab.leaks()).toEqual([])
}

/** An answer that breaks off is followed by a response that goes on. A talker may take the first for all, or for a mistake. */
export async function brokenOff(lab: Lab, turn: Promise<unknown>): Promise<void> {
  const from = lab.toClients().length
  await turn.catch((error: Error) => expect(error.message).toContain('incomplete'))
  await vi.waitFor(
    () => {
      const statuses = lab
        .toClients()
        .slice(from)
        .flatMap(({ type, response }) => (type === 'response.done' ? [(response as { status: string }).status] : []))
      expect(statuses).toEqual(['incomplete', 'completed'])
    },
    { timeout: 10_000, interval: 20 },
  )
  await lab.caughtUp()
}

async function usualTurns(talker: Talker): Promise<void> {
  await talker.ask('Good morning')
  await talker.ask('What is the weather in Oslo?')
  await talker.speak()
  await talker.ownTool?.('Please show hello on screen')
}

/** Nobody stays: a session's upstream would be ended with those of later tests. */
async function withTalker(lab: Lab, connect: () => Promise<Talker>, work: (talker: Talker) => Promise<void>): Promise<void> {
  const talker = await connect()
  try {
    await work(talker)
  } catch (error) {
    await talker.close().catch(() => undefined)
    throw error
  }
  await talker.close()
  lab.hangUp()
  await vi.waitFor(() => expect(lab.running.simulator.sessions()).toBe(0), { timeout: 10_000, interval: 20 })
}

/** A session is restored three times in a minute, so these are two. */
export async function lostTurns(lab: Lab, connect: () => Promise<Talker>): Promise<void> {
  lab.forget()
  await withTalker(lab, connect, usualTurns)
  const usual = new Set(lab.toClients().map(({ type }) => type))
  const lose = losses(lab)

  lab.forget()
  await withTalker(lab, connect, async (talker) => {
    lose.inSession()
    lose.at('response.created')
    expect((await talker.ask('Good morning')).text).toContain('You said: Good morning.')
    lose.check()
    const tools = lab.running.toolRequests.length
    lose.at(CALL)
    expect((await talker.ask('What is the weather in Oslo?')).text).toContain('sunny in Oslo')
    expect(lab.running.toolRequests.slice(tools)).toEqual(['POST /weather {"city":"Oslo"}'])
    lose.check()
    await lose.now()
    expect((await talker.ask('Good night')).text).toContain('You said: Good night.')
  })
  noticedNothing(lab, usual)

  lab.forget()
  await withTalker(lab, connect, async (talker) => {
    lose.inSession()
    if (talker.ownTool) {
      lose.at(CALL)
      const shown = await talker.ownTool('Please show hello on screen')
      expect(shown.called.map(({ name }) => name)).toEqual(['show_on_screen'])
      expect(shown.text).toContain('it is on screen now')
      lose.check()
    }
    lose.inAnswer()
    await brokenOff(lab, talker.ask('A quiet little harbour with seven boats in it'))
    lose.check()
    lose.inAnswer()
    await brokenOff(lab, talker.speak())
    lose.check()
    expect((await talker.ask('Good night')).text).toContain('You said: Good night.')
  })
  noticedNothing(lab, usual)
}
