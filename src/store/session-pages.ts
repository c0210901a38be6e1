// The order in which live sessions are listed, and where a page of them goes on: the same for one process and for many.
import type { SessionPage, SessionRecord } from '../ports/directory.js'

/** Where a page goes on: after the session that stands at `after` among those of `relay`. */
export interface Cursor {
  readonly relay: string
  readonly after: string
}

const MAX_CURSOR = 1024
const SINCE_DIGITS = 15

/** Orders the sessions of one relay, oldest first; no two sessions have the same. */
export function orderOf({ since, id }: Pick<SessionRecord, 'since' | 'id'>): string {
  return `${String(Math.max(0, Math.floor(since))).padStart(SINCE_DIGITS, '0')} ${id}`
}

export function writeCursor(session: SessionRecord): string {
  return Buffer.from(`${session.relay} ${orderOf(session)}`).toString('base64url')
}

/** Throws a `RangeError` where the text is none that `writeCursor` made. */
export function readCursor(text: string): Cursor {
  const found = text.length <= MAX_CURSOR && /^(\S+) (\d{15} \S+)$/.exec(Buffer.from(text, 'base64url').toString())
  if (!found || Buffer.from(found[0]).toString('base64url') !== text) throw new RangeError('cursor')
  return { relay: found[1] ?? '', after: found[2] ?? '' }
}

/** The page of sessions that are all at hand. Throws a `RangeError` about a bad cursor. */
export function pageOf(sessions: readonly SessionRecord[], limit: number, cursor?: string): SessionPage {
  const from = cursor === undefined ? undefined : readCursor(cursor)
  const place = (one: { relay: string; after: string }) => `${one.relay} ${one.after}`
  const placed = sessions.map((session) => ({ session, at: place({ relay: session.relay, after: orderOf(session) }) }))
  const left = placed.filter(({ at }) => !from || at > place(from)).sort((a, b) => (a.at < b.at ? -1 : 1))
  return cutPage(
    left.map(({ session }) => session),
    limit,
  )
}

/** `found` holds at least one more than `limit` where there are more. */
export function cutPage(found: readonly SessionRecord[], limit: number): SessionPage {
  const sessions = found.slice(0, limit)
  const last = sessions.at(-1)
  return { sessions, next: last && found.length > limit ? writeCursor(last) : undefined }
}
