// Which conversation items the client must not see, and how the links around them are mended.

export interface Items {
  /** Hidden item → the item before it, hidden or not; null: the start; undefined: not known yet. */
  readonly hidden: ReadonlyMap<string, string | null | undefined>
  /** Items of calls that the client answers itself: the latest `MAX_CLIENT_CALLS`, in a list, which is copied faster than a set. Of older ones the tool's name says whose they are. */
  readonly clientCallItems: readonly string[]
}

const MAX_CLIENT_CALLS = 128

export const noItems: Items = { hidden: new Map(), clientCallItems: [] }

/** `previous` is kept from the first event that names one: `conversation.item.done` repeats the item with null (seen in recordings). */
export function hideItem(items: Items, itemId: string, previous: string | null): Items {
  if (items.hidden.has(itemId) && (previous === null || items.hidden.get(itemId) !== undefined)) return items
  return { ...items, hidden: new Map(items.hidden).set(itemId, previous === itemId || previous === null ? undefined : previous) }
}

export function addClientCallItem(items: Items, itemId: string): Items {
  if (isClientCallItem(items, itemId)) return items
  const clientCallItems = [...items.clientCallItems, itemId]
  if (clientCallItems.length > MAX_CLIENT_CALLS) clientCallItems.shift()
  return { hidden: items.hidden, clientCallItems }
}

/** From the end: nearly always it is one of the last. */
export function isClientCallItem({ clientCallItems }: Items, itemId: string): boolean {
  return clientCallItems.lastIndexOf(itemId) >= 0
}

/** `id` is gone: hidden items behind it now follow `before`. */
export function itemDeleted(items: Items, id: string, before: string | null): Items {
  const previous = items.hidden.has(id) ? (items.hidden.get(id) ?? null) : before
  return relinked(items, id, previous)
}

/** `id` is new, directly behind `previous`: hidden items that were there now follow it. */
export function itemInserted(items: Items, id: string, previous: string): Items {
  return relinked(items, previous, id)
}

function relinked(items: Items, from: string, to: string | null): Items {
  let hidden: Map<string, string | null | undefined> | undefined
  for (const [id, previous] of items.hidden) {
    if (previous !== from || id === to) continue
    hidden ??= new Map(items.hidden)
    hidden.set(id, to)
  }
  return hidden ? { ...items, hidden } : items
}

export function isHidden(items: Items, itemId: string): boolean {
  return items.hidden.has(itemId)
}

/** The nearest visible item at or before `itemId`; null: the start of the conversation. */
export function visibleItem(items: Items, itemId: string): string | null {
  let at: string | null | undefined = itemId
  for (let hops = 0; typeof at === 'string' && hops <= items.hidden.size; hops++) {
    if (!items.hidden.has(at)) return at
    at = items.hidden.get(at)
  }
  return null
}
