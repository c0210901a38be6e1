// The four turns that every client library must complete, and rules for all events that a client receives meanwhile.
import { expect } from 'vitest'
import { HEARD, type Lab, type WireEvent } from './lab.js'

export interface Answer {
  /** What the model said or wrote. */
  readonly text: string
  readonly audioBytes: number
}

/** One connected client, driven through its library's own calls. Each method resolves when the library says that the answer is complete. */
export interface Talker {
  ask(text: string): Promise<Answer>
  /** Speaks for so long and waits for the answer. `heard`: the transcript, if the library shows it. */
  speak(speechMs?: number): Promise<Answer & { readonly heard?: string | undefined }>
  /** Asks for the client's own tool `show_on_screen`, which answers `it is on screen now`. Absent if the library has no tools. */
  ownTool?(text: string): Promise<Answer & { readonly called: readonly OwnCall[] }>
  /** Asks for an answer in text only. Absent if the library cannot request that for a single answer or session. */
  write?(text: string): Promise<Answer>
  close(): Promise<unknown>
}

export interface OwnCall {
  readonly name: string
  readonly arguments: string
}

export interface Expected {
  /** False if the library gives out no sound or no transcript of the user. */
  readonly audio?: boolean
}

export async function fourTurns(lab: Lab, talker: Talker, expected: Expected = {}): Promise<void> {
  const hello = await talker.ask('Good morning')
  expect(hello.text).toContain('You said: Good morning.')
  if (expected.audio !== false) expect(hello.audioBytes).toBeGreaterThan(4800)

  const spoken = await talker.speak()
  expect(spoken.text).toContain(`You said: ${HEARD}`)
  if (expected.audio !== false) expect(spoken.audioBytes).toBeGreaterThan(4800)
  if ('heard' in spoken) expect(spoken.heard?.trim()).toBe(HEARD)

  const before = lab.running.toolRequests.length
  const weather = await talker.ask('What is the weather in Lisbon?')
  expect(lab.running.toolRequests.slice(before)).toEqual(['POST /weather {"city":"Lisbon"}'])
  expect(weather.text).toContain('sunny in Lisbon')
  if (expected.audio !== false) expect(weather.audioBytes).toBeGreaterThan(4800)

  const question = await talker.speak(1500)
  expect(lab.running.toolRequests.slice(before + 1)).toEqual(['POST /weather {"city":"Oslo"}'])
  expect(question.text).toContain('sunny in Oslo')

  if (talker.ownTool) {
    const shown = await talker.ownTool('Please show hello on screen')
    expect(shown.called.map((call) => call.name)).toEqual(['show_on_screen'])
    expect(JSON.parse(shown.called[0]!.arguments)).toHaveProperty('text')
    expect(shown.text).toContain('it is on screen now')
  }
  if (talker.write) {
    const written = await talker.write('Put it in writing')
    expect(written.text).toContain('You said: Put it in writing.')
    expect(written.audioBytes).toBe(0)
  }
  await talker.close()
  expect(count(lab.toClients(), 'response.done')).toBeGreaterThanOrEqual(4)
  checkWire(lab.toClients())
  expect(lab.leaks()).toEqual([])
}

/** Rules that strict clients rely on, whichever dialect they speak. */
export function checkWire(events: readonly WireEvent[]): void {
  expect(events.filter((event) => event.type === 'error')).toEqual([])
  expect(events.filter((event) => typeof event.event_id !== 'string').map((event) => event.type)).toEqual([])
  expect(count(events, 'response.done')).toBe(count(events, 'response.created'))
  const known = new Set<unknown>()
  for (const event of events) {
    if (event.type === 'conversation.item.added' || event.type === 'conversation.item.created') known.add((event.item as WireEvent).id)
    // Speech is announced before its item.
    if (typeof event.item_id === 'string' && !event.type.startsWith('input_audio_buffer.')) expect(known, event.type).toContain(event.item_id)
    if (typeof event.previous_item_id === 'string') expect(known, event.type).toContain(event.previous_item_id)
  }
}

function count(events: readonly WireEvent[], type: string): number {
  return events.filter((event) => event.type === type).length
}
