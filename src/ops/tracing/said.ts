// Knows what the model has read since the response before, and what each response under way was told and said. Bounded; of one session.
import type { Content } from '../../ports/content.js'
import { type InputMessage, MOST_CONTENT, type Said } from './messages.js'

export interface SessionSaid {
  heard(content: Extract<Content, { type: 'input' | 'output' }>): void
  /** What is new in the conversation is this response's input. */
  responseStarted(id: string): void
  /** Undefined: nothing is known of it. */
  responseOver(id: string, finishReason: string): Said | undefined
}

interface Running {
  readonly input: Map<string, InputMessage>
  parts: Extract<Content, { type: 'output' }>['parts']
}

const MOST_ITEMS = 32
const MOST_RESPONSES = 8

export function createSessionSaid(): SessionSaid {
  let news = new Map<string, InputMessage>()
  const responses = new Map<string, Running>()

  return {
    heard(content) {
      if (content.type === 'output') {
        const running = responses.get(content.responseId)
        if (running) running.parts = content.parts
        return
      }
      const { itemId, from, callId, text } = content
      // Words of a spoken turn come while its answer is under way. If they come after it, they are news for the next one.
      const running = [...responses.values()].find(({ input }) => input.has(itemId))
      put(running?.input ?? news, itemId, { from, callId, text: text.slice(0, MOST_CONTENT) }, MOST_ITEMS)
    },
    responseStarted(id) {
      put(responses, id, { input: news, parts: [] }, MOST_RESPONSES)
      news = new Map()
    },
    responseOver(id, finishReason) {
      const running = responses.get(id)
      if (!running) return undefined
      responses.delete(id)
      return { input: [...running.input.values()].filter(({ text }) => text !== ''), output: { parts: running.parts, finishReason } }
    },
  }
}

function put<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.set(key, value)
  const oldest = map.keys().next().value
  if (map.size > most && oldest !== undefined) map.delete(oldest)
}
