// What of a recorded event the simulator cannot send with the same value, and why. Everything else must be equal.
import { isObject, type Json, type RealtimeEvent } from '../../src/core/protocol/events.js'

/** One kind of value that differs at every run. Its field must still be there, with a value of the same type. */
export interface UnequalValue {
  readonly name: string
  readonly because: string
  readonly fits: (event: RealtimeEvent, path: string, seen: Seen) => boolean
}

/** What the rows know of the session beside the event. */
export interface Seen {
  /** Ids of the items that the model made. */
  readonly made: ReadonlySet<string>
  /** The instructions with which the session began. */
  readonly instructions: string | undefined
}

export const UNEQUAL_VALUES: readonly UnequalValue[] = [
  {
    name: 'id',
    because: 'The server makes ids up. Their order is compared by the suite, as links between items.',
    fits: (_, path) => /(^|\.)(id|event_id|item_id|previous_item_id|response_id|call_id|conversation_id)$/.test(path),
  },
  { name: 'time', because: 'A session ends a while after it began.', fits: (_, path) => path === 'session.expires_at' },
  {
    name: 'speech time',
    because: 'A recording keeps a third of a millisecond of each append, so the sound is made up between them. The suite asks for 150 ms.',
    fits: (_, path) => path === 'audio_start_ms' || path === 'audio_end_ms',
  },
  { name: 'cut', because: 'A model cuts words and sound into deltas as it likes.', fits: (event, path) => event.type.endsWith('.delta') && path === 'delta' },
  { name: 'padding', because: 'It is random.', fits: (_, path) => path === 'obfuscation' },
  {
    name: 'words of the model',
    because: 'There is no model behind the simulator. An empty text must be empty.',
    fits: (event, path, { made }) =>
      (event.type.startsWith('response.') && /^(part\.|content\.)?(text|transcript|arguments)$/.test(path)) ||
      (/(^|\.)(text|transcript|arguments)$/.test(path) && made.has(itemAt(event, path))),
  },
  {
    name: 'default instructions',
    because: 'The service’s own are its authors’ text. Instructions of the client must come back word for word.',
    fits: (event, path, { instructions }) => path === 'session.instructions' && isObject(event.session) && event.session.instructions === instructions,
  },
  {
    name: 'tokens',
    because: 'Tokens are counted by the model’s own vocabulary. What is zero must be zero.',
    fits: (_, path) => /(^|\.)usage\..*tokens$/.test(path),
  },
  { name: 'quota', because: 'The limits are those of the account that was recorded.', fits: (_, path) => /^rate_limits\[\d+\]\.(limit|remaining|reset_seconds)$/.test(path) },
]

/** Events that may differ in what could be equal, and why that stays. They count as differing. None does today. */
export const DIFFERENCES: readonly { readonly type: string; readonly because: string }[] = []

/** The id of the item that `path` lies in. */
function itemAt(event: RealtimeEvent, path: string): string {
  const output = /^response\.output\[(\d+)\]/.exec(path)
  const item: Json | undefined = output ? (isObject(event.response) && Array.isArray(event.response.output) ? event.response.output[Number(output[1])] : undefined) : event.item
  return isObject(item) ? String(item.id) : ''
}

export function seenIn(events: readonly RealtimeEvent[]): Seen {
  const made = new Set<string>()
  let instructions: string | undefined
  for (const { type, item, session } of events) {
    if (type === 'response.output_item.added' && isObject(item)) made.add(String(item.id))
    if (type === 'session.created' && isObject(session)) instructions = String(session.instructions)
  }
  return { made, instructions }
}

/** How a value is written for the comparison: itself, or the name of its kind and its type. */
export function written(event: RealtimeEvent, path: string, value: Json | undefined, seen: Seen): string {
  const row = value === null ? undefined : UNEQUAL_VALUES.find(({ fits }) => fits(event, path, seen))
  if (!row) return JSON.stringify(value)
  if (row.name === 'tokens') return value === 0 ? '0' : '<tokens>'
  return value === '' ? '""' : `<${row.name}: ${typeof value}>`
}
