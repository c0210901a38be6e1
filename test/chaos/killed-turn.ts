// One turn of a conversation whose upstream is killed at a chosen event, and everything that must be true of it afterwards.
import type { EndFault } from '../../src/simulator/simulator.js'
import { connectClient, type RealtimeClient, type ReceivedEvent } from '../support/realtime-client.js'
import type { RunningRelay } from '../support/running-relay.js'
import { appendable, silence, tone } from '../support/speech.js'
import { orderProblems } from '../support/stream-order.js'

export type TurnKind = 'text' | 'spoken' | 'by hand' | 'tool' | 'client tool'
export interface Kill extends Pick<EndFault, 'how' | 'code'> {
  readonly type: string
  readonly nth: number
}

interface Item {
  readonly id: string
  readonly type: string
  readonly role?: string
  readonly content?: readonly { readonly type?: string; readonly text?: string; readonly transcript?: string | null }[]
  readonly call_id?: string
}

export interface Outcome {
  /** Empty if all is well. */
  readonly problems: readonly string[]
  /** Whether the fault came at all. */
  readonly killed: boolean
  /** The words of a spoken turn were not known yet: the model was told to ask for them. */
  readonly unheard: boolean
  readonly gapMs: number
}

const WORDS = 'a quiet little harbour with seven boats in it and a lighthouse'

/** Every event that the upstream sends in a turn that nothing disturbs, as a place for a kill. */
export async function placesOf(running: RunningRelay, kind: TurnKind): Promise<readonly Pick<Kill, 'type' | 'nth'>[]> {
  running.simulator.setFaults({})
  const client = await open(running, kind)
  await warmUp(client)
  const before = await sentTypes(running)
  await takeTurn(client, kind)
  const all = await sentTypes(running)
  await end(client)
  return all.map((type, at) => ({ type, nth: all.slice(0, at + 1).filter((one) => one === type).length })).slice(before.length)
}

async function sentTypes({ simulator }: RunningRelay): Promise<readonly string[]> {
  const events = await fetch(`${simulator.controlUrl}/sessions/${simulator.received.at(-1)?.sessionId}/events?from=server`)
  return ((await events.json()) as { event: { type: string } }[]).map(({ event }) => event.type)
}

export async function killedTurn(running: RunningRelay, kind: TurnKind, kill: Kill): Promise<Outcome> {
  const { simulator } = running
  simulator.setFaults({})
  const toolsBefore = running.toolRequests.length
  const client = await open(running, kind)
  await warmUp(client)
  const session = simulator.received.at(-1)?.sessionId
  simulator.setFaults({ end: { at: 'event', times: 1, ...kill } })
  const from = client.events.length
  const began = performance.now()
  const problems: string[] = []
  try {
    await takeTurn(client, kind)
    simulator.setFaults({})
    // One more turn shows that the session is well.
    await ask(client, 'And are you still there')
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error))
  }
  const killed = simulator.received.at(-1)?.sessionId !== session
  const errors = client.events.filter((event) => event.type === 'error').map((event) => JSON.stringify(event.error))
  problems.push(...errors, ...orderProblems(client.events))
  const turn = client.events.slice(from)
  const upstream = (simulator.conversations().at(-1)?.items ?? []) as unknown as readonly Item[]
  // A turn whose words nobody knows, and whose sound is not kept, is asked for again by the model.
  const asksAgain = upstream.some((item) => item.role === 'system' && item.content?.some(({ text }) => text?.includes('could not be heard')))
  const answer = kind === 'tool' ? 'sunny in Lisbon' : kind === 'client tool' ? 'it is on screen' : 'seven boats'
  if (!asksAgain && !said(turn).includes(answer)) problems.push(`the turn was not answered: ${said(turn)}`)
  if (!said(turn).includes('still there')) problems.push('the turn after it was not answered')
  const tools = running.toolRequests.length - toolsBefore
  if (tools !== (kind === 'tool' ? 1 : 0)) problems.push(`tools ran ${tools} times`)
  problems.push(...itemProblems(client, upstream))
  const gapMs = performance.now() - began
  await end(client)
  return { problems, killed, unheard: asksAgain, gapMs }
}

async function open(running: RunningRelay, kind: TurnKind): Promise<RealtimeClient> {
  const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token())
  await client.next('session.created')
  if (kind === 'text') {
    client.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } })
    await client.next('session.updated')
  }
  if (kind === 'by hand') {
    client.send({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: null } } } })
    await client.next('session.updated')
  }
  return client
}

async function warmUp(client: RealtimeClient): Promise<void> {
  await ask(client, 'My name is Ada')
}

async function takeTurn(client: RealtimeClient, kind: TurnKind): Promise<void> {
  switch (kind) {
    case 'spoken': {
      const from = client.events.length
      // A microphone goes on whatever happens; twenty times as fast here.
      for (const audio of appendable(tone(1500), silence(1500))) {
        client.send({ type: 'input_audio_buffer.append', audio })
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await answered(client, from)
      return
    }
    case 'by hand': {
      const from = client.events.length
      for (const audio of appendable(tone(1500), silence(100))) {
        client.send({ type: 'input_audio_buffer.append', audio })
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      client.send({ type: 'input_audio_buffer.commit' })
      client.send({ type: 'response.create' })
      await answered(client, from)
      return
    }
    case 'tool':
      return ask(client, 'What is the weather in Lisbon?')
    case 'client tool': {
      const from = client.events.length
      await ask(client, 'Please show hello on screen')
      const call = client.events.slice(from).find((event) => event.type === 'response.function_call_arguments.done')
      client.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: call?.call_id, output: 'it is on screen now' } })
      const then = client.events.length
      client.send({ type: 'response.create' })
      return answered(client, then)
    }
    default:
      return ask(client, WORDS)
  }
}

export const HEARD = `I see ${WORDS}`

async function ask(client: RealtimeClient, text: string): Promise<void> {
  const from = client.events.length
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
  client.send({ type: 'response.create' })
  await answered(client, from)
}

/** An answer that was cut off is followed by one that goes on. */
async function answered(client: RealtimeClient, from: number): Promise<void> {
  await client.next((event) => event.type === 'response.done' && (event.response as { status: string }).status === 'completed', { from })
}

function said(events: readonly ReceivedEvent[]): string {
  return events
    .flatMap((event) =>
      event.type === 'response.output_audio_transcript.done' ? [String(event.transcript)] : event.type === 'response.output_text.done' ? [String(event.text)] : [],
    )
    .join(' ')
}

/** The client's view of the conversation and the last upstream's must be the same, but for what only the relay knows. */
function itemProblems(client: RealtimeClient, upstream: readonly Item[]): readonly string[] {
  const seen = client.events.flatMap((event) => (event.type === 'conversation.item.added' ? [(event.item as Item).id] : []))
  const ids = upstream.map(({ id }) => id)
  const problems = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `upstream has ${id} twice`)
  const lost = seen.filter((id) => !ids.includes(id) && wordsOf(client, id) !== '' && wasHeard(client, id))
  const unknown = upstream.filter((item) => item.type === 'message' && item.role !== 'system' && !seen.includes(item.id))
  // A spoken turn that began on the lost upstream is shown under its first id.
  const renamed = unknown.filter(({ content }) => content?.some((part) => part.type === 'input_audio')).length
  if (lost.length > renamed) problems.push(...lost.map((id) => `upstream has lost ${id} (${wordsOf(client, id)})`))
  if (unknown.length > renamed || (renamed > 0 && lost.length !== renamed)) problems.push(...unknown.map(({ id }) => `the client does not know ${id}`))
  const calls = upstream.filter(({ type }) => type === 'function_call').map((item) => item.call_id)
  const outputs = upstream.filter(({ type }) => type === 'function_call_output').map((item) => item.call_id)
  for (const id of calls) if (outputs.filter((one) => one === id).length !== 1) problems.push(`call ${id} has not one result`)
  return problems
}

/** An answer that broke off before its first sound was not heard, and comes again as a whole. */
function wasHeard(client: RealtimeClient, id: string): boolean {
  const own = client.events.filter((event) => event.item_id === id)
  const isSpoken = own.some((event) => event.type === 'response.output_audio.done')
  return !isSpoken || own.some((event) => event.type === 'response.output_audio.delta')
}

/** As last told; empty if nothing of it was ever put into words. */
function wordsOf(client: RealtimeClient, id: string): string {
  let words = ''
  for (const event of client.events) {
    const item = event.item as Item | undefined
    if (item?.id === id) words = (item.content ?? []).map((part) => part.text ?? part.transcript ?? '').join('') || words
    if (event.item_id === id && event.type === 'conversation.item.input_audio_transcription.completed') words = String(event.transcript)
  }
  return words
}

async function end(client: RealtimeClient): Promise<void> {
  client.close()
  await client.closed()
}
