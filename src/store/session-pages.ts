// Orders live sessions and cuts them into pages, in the same way for one instance and for many.
import type { SessionPage, SessionRecord } from '../ports/directory.js'

/** The next page begins after the session at `after` among those of `instance`. */
export interface Cursor {
  readonly instance: string
  readonly after: string
}

const MAX_CURSOR = 1024
const SINCE_DIGITS = 15

/** Orders the sessions of one instance, oldest first. No two sessions have the same order. */
export function orderOf({ since, id }: Pick<SessionRecord, 'since' | 'id'>): string {
  return `${String(Math.max(0, Math.floor(since))).padStart(SINCE_DIGITS, '0')} ${id}`
}

export function writeCursor(session: SessionRecord): string {
  return Buffer.from(`${session.instance} ${orderOf(session)}`).toString('base64url')
}

/** Throws a `RangeError` if `writeCursor` did not make the text. */
export function readCursor(text: string): Cursor {
  const found = text.length <= MAX_CURSOR && /^(\S+) (\d{15} \S+)$/.exec(Buffer.from(text, 'base64url').toString())
  if (!found || Buffer.from(found[0]).toString('base64url') !== text) throw new RangeError('cursor')
  return { instance: found[1] ?? '', after: found[2] ?? '' }
}

/** One page of a complete list. Throws a `RangeError` if the cursor is malformed. */
export function pageOf(sessions: readonly SessionRecord[], limit: number, cursor?: string): SessionPage {
  const from = cursor === undefined ? undefined : readCursor(cursor)
  const place = (one: Cursor) => `${one.instance} ${one.after}`
  const placed = sessions.map((session) => ({ session, at: place({ instance: session.instance, after: orderOf(session) }) }))
  const left = placed.filter(({ at }) => !from || at > place(from)).sort((a, b) => (a.at < b.at ? -1 : 1))
  return cutPage(
    left.map(({ session }) => session),
    limit,
  )
}

/** If there are more than `limit` sessions, `found` must hold at least one of the rest. */
export function cutPage(found: readonly SessionRecord[], limit: number): SessionPage {
  const sessions = found.slice(0, limit)
  const last = sessions.at(-1)
  return { sessions, next: last && found.length > limit ? writeCursor(last) : undefined }
}
