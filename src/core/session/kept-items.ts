// The items of a conversation in two lists, so that an event about one of the last items, as nearly every one is, copies those alone.

export interface KeptItem {
  readonly id: string
  readonly type: 'message' | 'function_call' | 'function_call_output'
  /** Of a message. */
  readonly role: 'user' | 'assistant' | 'system' | undefined
  /** Of a message its text or transcript, of a call its arguments, of a result its output. */
  readonly text: string
  readonly callId: string | undefined
  /** Of a call, the tool's. */
  readonly name: string | undefined
  /** Milliseconds of a spoken message that were heard, if it was truncated. */
  readonly heardMs: number | undefined
  /** It is complete: what it says does not change any more. */
  readonly done: boolean
}

/** In the service's order: `older`, then `recent`. A place counts through both. */
export interface KeptItems {
  readonly older: readonly KeptItem[]
  readonly recent: readonly KeptItem[]
}

const MOST_RECENT = 32
/** How many stay when the rest of them joins the older ones: more than are ever under way. */
const STILL_RECENT = 8

/** Makes a list of several hundred: for what is rare. */
export function itemsOf({ older, recent }: KeptItems): readonly KeptItem[] {
  return older.length === 0 ? recent : [...older, ...recent]
}

export function splitItems(items: readonly KeptItem[]): KeptItems {
  return items.length > MOST_RECENT ? { older: items.slice(0, -STILL_RECENT), recent: items.slice(-STILL_RECENT) } : { older: [], recent: items }
}

export function countOf({ older, recent }: KeptItems): number {
  return older.length + recent.length
}

/** Undefined: there is none at this place. */
export function itemAt({ older, recent }: KeptItems, place: number): KeptItem | undefined {
  return place < older.length ? older[place] : recent[place - older.length]
}

export function lastOf({ older, recent }: KeptItems): KeptItem | undefined {
  return recent.length > 0 ? recent[recent.length - 1] : older[older.length - 1]
}

/** From the end; -1: it is not kept. */
export function placeOf({ older, recent }: KeptItems, id: string): number {
  const place = placeIn(recent, id)
  return place < 0 ? placeIn(older, id) : older.length + place
}

function placeIn(items: readonly KeptItem[], id: string): number {
  for (let place = items.length - 1; place >= 0; place--) if (items[place]?.id === id) return place
  return -1
}

/** `place`: at most behind the last one. */
export function inserted({ older, recent }: KeptItems, place: number, item: KeptItem): KeptItems {
  if (place < older.length) return { older: older.toSpliced(place, 0, item), recent }
  const at = place - older.length
  const more = at === recent.length ? [...recent, item] : recent.toSpliced(at, 0, item)
  return more.length > MOST_RECENT ? { older: [...older, ...more.slice(0, -STILL_RECENT)], recent: more.slice(-STILL_RECENT) } : { older, recent: more }
}

export function replaced({ older, recent }: KeptItems, place: number, item: KeptItem): KeptItems {
  return place < older.length ? { older: older.with(place, item), recent } : { older, recent: recent.with(place - older.length, item) }
}

export function removed({ older, recent }: KeptItems, place: number): KeptItems {
  return place < older.length ? { older: older.toSpliced(place, 1), recent } : { older, recent: recent.toSpliced(place - older.length, 1) }
}
