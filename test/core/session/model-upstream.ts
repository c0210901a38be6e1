// A small upstream that keeps the protocol's rules, driven one step at a time, so that every interleaving with the relay can be tried.
import type { JsonObject, RealtimeEvent } from '../../../src/core/protocol/events.js'

export type Output = 'message' | 'server call' | 'client call' | 'unknown call' | 'background call'
export type Ending = 'completed' | 'cancelled' | 'failed' | 'incomplete'

export interface ModelUpstream {
  /** Takes one event of the relay's. */
  receive(event: RealtimeEvent): void
  /** Works on the oldest event it has received, else on the active response. False: there was nothing to do. */
  work(): boolean
  /** Voice detection commits a turn and begins a response, unless one is active. */
  speech(): void
  /** The next event on its way to the relay. */
  next(): RealtimeEvent | undefined
  readonly active: boolean
  readonly received: number
  /** Call ids of the results, and ids of the system's messages, that no response has begun after. */
  readonly unanswered: readonly string[]
  /** Of the conversation, in the order in which they came. */
  readonly items: readonly JsonObject[]
}

const TOOL: Readonly<Record<Output, string>> = {
  message: '',
  'server call': 'get_weather',
  'client call': 'show_on_screen',
  'unknown call': 'nobody_declared_this',
  'background call': 'make_report',
}

/** Of an upstream that may be lost: it begins as a session does, and tells each end that the protocol knows. */
export interface Whole {
  /** No id comes twice, whichever upstream gives it. */
  newId(kind: string): string
  /** The answer to every `session.update`. */
  readonly updated: RealtimeEvent
}

/** `plan` says what the next response puts out and how it ends. */
export function modelUpstream(plan: () => { readonly outputs: readonly Output[]; readonly ending: Ending }, whole?: Whole): ModelUpstream {
  const inbox: RealtimeEvent[] = []
  const out: RealtimeEvent[] = []
  let ids = 0
  let active: { id: string; steps: (() => void)[]; done: (ending: Ending) => void } | undefined
  let last: string | null = null
  const id = (kind: string) => whole?.newId(kind) ?? `${kind}_up${++ids}`
  const emit = (type: string, fields: object) => void out.push({ type, event_id: id('event'), ...fields } as RealtimeEvent)
  const items: JsonObject[] = []
  const add = (item: JsonObject) => {
    emit('conversation.item.added', { previous_item_id: last, item })
    if (items.some((one) => one.id === item.id)) throw new Error(`the upstream is given ${item.id} twice`)
    items.push(item)
    last = String(item.id)
  }
  const itemDone = (item: JsonObject) => {
    items[items.findIndex((one) => one.id === item.id)] = item
    if (whole) emit('conversation.item.done', { previous_item_id: null, item })
  }

  let unanswered: string[] = []
  /** Out of band: beside the conversation and whatever is active in it. */
  const aside = new Map<string, (how: Ending) => void>()
  const beginAside = (metadata: unknown) => {
    const responseId = id('resp')
    const itemId = id('item')
    const at = { response_id: responseId, output_index: 0 }
    const message = { id: itemId, type: 'message', role: 'assistant', content: [], status: 'completed' }
    aside.set(responseId, (how) => {
      aside.delete(responseId)
      emit('response.done', { response: { id: responseId, status: how, output: [message], metadata } })
    })
    emit('response.created', { response: { id: responseId, status: 'in_progress', output: [], metadata } })
    emit('response.output_item.added', { ...at, item: { ...message, status: 'in_progress' } })
    emit('response.output_text.delta', { ...at, item_id: itemId, content_index: 0, delta: 'one moment' })
  }

  const begin = () => {
    unanswered = []
    const { outputs, ending } = plan()
    const responseId = id('resp')
    const finished: JsonObject[] = []
    /** Ends the item that is under way, if the response ends in the middle of it. */
    let breakOff: () => void = () => undefined
    const steps = outputs.flatMap((output, index) => {
      const itemId = id('item')
      const base: JsonObject =
        output === 'message'
          ? { id: itemId, type: 'message', role: 'assistant', content: [] }
          : { id: itemId, type: 'function_call', name: TOOL[output], call_id: id('call'), arguments: '{}' }
      const at = { response_id: responseId, output_index: index }
      const final = { ...base, status: 'completed', ...(whole && output === 'message' ? { content: [{ type: 'output_text', text: 'hi' }] } : {}) }
      const part = { ...at, item_id: itemId, content_index: 0 }
      let begun = false
      const endPart = () => {
        emit('response.output_text.done', { ...part, text: 'hi' })
        emit('response.content_part.done', { ...part, part: { type: 'text', text: 'hi' } })
      }
      return [
        () => {
          emit('response.output_item.added', { ...at, item: { ...base, status: 'in_progress' } })
          add({ ...base, status: 'in_progress' })
          breakOff = () => {
            if (!whole) return
            const broken = { ...base, status: 'incomplete' }
            finished.push(broken)
            if (begun) endPart()
            emit('response.output_item.done', { ...at, item: broken })
            itemDone(broken)
          }
        },
        () => {
          if (output === 'message') {
            if (whole) emit('response.content_part.added', { ...part, part: { type: 'text', text: '' } })
            begun = true
            emit('response.output_text.delta', { ...part, delta: 'hi' })
          } else emit('response.function_call_arguments.done', { ...at, item_id: itemId, call_id: base.call_id, name: base.name, arguments: '{}' })
        },
        () => {
          finished.push(final)
          breakOff = () => undefined
          if (whole && begun) endPart()
          emit('response.output_item.done', { ...at, item: final })
          itemDone(final)
        },
      ]
    })
    const done = (how: Ending) => {
      active = undefined
      breakOff()
      emit('response.done', { response: { id: responseId, status: how, output: finished } })
    }
    active = { id: responseId, steps: [...steps, () => done(ending)], done }
    emit('response.created', { response: { id: responseId, status: 'in_progress', output: [] } })
  }
  const refuse = (event: RealtimeEvent, code: string) =>
    emit('error', { error: { type: 'invalid_request_error', code, message: 'no', param: null, event_id: event.event_id ?? null } })

  if (whole) emit('session.created', { session: { type: 'realtime', id: id('sess') } })
  return {
    receive: (event) => void inbox.push(event),
    work() {
      const event = inbox.shift()
      if (!event) {
        const one = active?.steps.shift()
        one?.()
        if (one) return true
        for (const finish of aside.values()) {
          finish('completed')
          return true
        }
        return false
      }
      const response = event.response as JsonObject | undefined
      if (event.type === 'response.create' && response?.conversation === 'none') {
        beginAside(response.metadata)
      } else if (event.type === 'response.cancel' && typeof event.response_id === 'string' && aside.has(event.response_id)) {
        aside.get(event.response_id)?.('cancelled')
      } else if (event.type === 'response.create') {
        if (active) refuse(event, 'conversation_already_has_active_response')
        else begin()
      } else if (event.type === 'response.cancel') {
        if (active) active.done('cancelled')
        else refuse(event, 'response_cancel_not_active')
      } else if (event.type === 'conversation.item.create') {
        const item: JsonObject = { id: id('item'), ...(event.item as JsonObject) }
        if (item.type === 'function_call_output' || item.role === 'system') unanswered.push(String(item.call_id ?? item.id))
        add(item)
        itemDone(item)
      } else if (event.type === 'session.update' && whole) out.push(whole.updated)
      return true
    },
    speech() {
      const itemId = id('item')
      emit('input_audio_buffer.committed', { previous_item_id: last, item_id: itemId })
      const item = { id: itemId, type: 'message', role: 'user', content: [] }
      add(item)
      itemDone(item)
      if (!active) begin()
    },
    next: () => out.shift(),
    get active() {
      return active !== undefined
    },
    get received() {
      return inbox.length
    },
    get unanswered() {
      return unanswered
    },
    get items() {
      return items
    },
  }
}
