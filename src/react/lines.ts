// Makes of the relay's events the lines of a conversation: one for each message, by its item's id, in the order in which they came.
import type { ServerEvent } from '../events/events.js'

export interface Line {
  /** Of the item. */
  readonly id: string
  readonly role: 'user' | 'assistant'
  readonly text: string
  /** Nothing more of it is said. */
  readonly done: boolean
}

/** Older lines go, so that a long conversation does not grow a page without end. */
const MOST_LINES = 200

/** The same array if the event says nothing of a line. What has no words yet has a line already, which keeps its place. */
export function withEvent(lines: readonly Line[], event: ServerEvent): readonly Line[] {
  switch (event.type) {
    case 'conversation.item.added':
    case 'conversation.item.done':
    case 'response.output_item.done': {
      const { item } = event
      if (item.type !== 'message' || !item.id || (item.role !== 'user' && item.role !== 'assistant')) return lines
      const done = event.type !== 'conversation.item.added'
      const text = textOf(item.content)
      // A spoken turn is done before it is written down.
      return put(lines, item.id, item.role, (old) => ({ text: text || old.text, done: old.done || done }))
    }
    case 'conversation.item.input_audio_transcription.delta':
      return put(lines, event.item_id, 'user', (old) => ({ text: old.text + (event.delta ?? ''), done: false }))
    case 'conversation.item.input_audio_transcription.completed':
      return put(lines, event.item_id, 'user', () => ({ text: event.transcript, done: true }))
    case 'response.output_audio_transcript.delta':
    case 'response.output_text.delta':
      return put(lines, event.item_id, 'assistant', (old) => ({ text: old.text + event.delta, done: false }))
    case 'conversation.item.deleted':
      return lines.some(({ id }) => id === event.item_id) ? lines.filter(({ id }) => id !== event.item_id) : lines
    default:
      return lines
  }
}

function put(lines: readonly Line[], id: string, role: Line['role'], change: (old: Pick<Line, 'text' | 'done'>) => Pick<Line, 'text' | 'done'>): readonly Line[] {
  const at = lines.findIndex((line) => line.id === id)
  const old = lines[at]
  if (!old) return [...lines, { id, role, ...change({ text: '', done: false }) }].slice(-MOST_LINES)
  const { text, done } = change(old)
  return text === old.text && done === old.done ? lines : lines.map((line, index) => (index === at ? { id, role, text, done } : line))
}

function textOf(content: readonly object[]): string {
  return content.map((part) => ('text' in part && part.text) || ('transcript' in part && part.transcript) || '').join('')
}
