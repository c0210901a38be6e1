// Gives every watching operator one picture a second of all relays, and asks the relays for their parts only while somebody watches.
import { createHmac, randomBytes } from 'node:crypto'
import type { LivePart, LiveSource } from '../ports/live.js'
import type { Picture } from '../ports/picture.js'
import type { LimitState, LimitsBook } from '../ports/store.js'
import { createLimitHistory } from './limit-history.js'
import { MOST_SHOWN, pictureOf } from './picture.js'

export interface LiveDeps {
  readonly source: LiveSource
  readonly limits: LimitsBook
  /** Epoch milliseconds. */
  readonly now: () => number
}

/** One reader of the stream. */
export interface Watcher {
  /** False: it has not taken what it was sent before, for so long that it is given up. */
  show(picture: Picture): boolean
  end(why: EndReason): void
}

export type EndReason = 'slow' | 'expired' | 'revoked' | 'closing'

export interface Live {
  /** False: as many watch this process as may. */
  hasRoom(): boolean
  /** Shows it one picture a second until the returned function is called. */
  join(watcher: Watcher): () => void
  close(): void
}

/** Each takes about 300 KB a second while a thousand sessions live. */
export const MOST_WATCHERS = 20
const PICTURE_MS = 1000
/** Every process goes on for 15 s after the last time it was asked. */
const ASK_MS = 5000
/** The others write their first part as soon as they are asked; one that does not within the second time is shown as silent. */
const FIRST_LOOK_MS = 250
const FIRST_LOOKS = 5
/** What all parts of a picture may hold together, and what one may at least. */
const MOST_LISTED = 4 * MOST_SHOWN
const LEAST_LISTED = 50
const PSEUDONYM_DIGITS = 10

export function createLive({ source, limits, now }: LiveDeps): Live {
  const watchers = new Set<Watcher>()
  const history = createLimitHistory(limits, now)
  let timer: NodeJS.Timeout | undefined
  let askedAt = Number.NEGATIVE_INFINITY
  let relays = 1
  let last: Picture | undefined
  /** While the store does not answer, pseudonyms are this process's own. */
  let key = randomBytes(32).toString('base64url')
  let keyIsShared = false
  const known = new Map<string, string>()
  let round = 0

  async function ask(): Promise<void> {
    if (performance.now() - askedAt < ASK_MS) return
    askedAt = performance.now()
    await source.watch(most()).catch(() => undefined)
    if (keyIsShared) return
    const shared = await source.pseudonymKey().catch(() => '')
    if (shared === '') return
    keyIsShared = true
    key = shared
    known.clear()
  }

  function most(): number {
    return Math.max(LEAST_LISTED, Math.min(MOST_SHOWN, Math.floor(MOST_LISTED / relays)))
  }

  function pseudonym(subject: string): string {
    const before = known.get(subject)
    if (before !== undefined) return before
    const made = `u-${createHmac('sha256', key).update(subject).digest('hex').slice(0, PSEUDONYM_DIGITS)}`
    if (known.size >= 10 * MOST_SHOWN) known.clear()
    known.set(subject, made)
    return made
  }

  async function look(): Promise<{ readonly picture: Picture; readonly silent: number }> {
    const { parts, shared } = await source.parts(most())
    relays = Math.max(1, parts.size)
    const found = await limitsOf([...parts.values()])
    await history.seen(found)
    const picture = pictureOf({ parts, shared, limits: found, history: history.of, pseudonym, now: now() })
    return { picture, silent: [...parts.values()].filter((part) => part === undefined).length }
  }

  async function limitsOf(parts: readonly (LivePart | undefined)[]): Promise<Map<string, readonly LimitState[] | undefined>> {
    const deployments = new Set(parts.flatMap((part) => part?.upstreams.map(({ deployment }) => deployment) ?? []))
    return new Map(await Promise.all([...deployments].map(async (one) => [one, await limits.limitsOf(one).catch(() => undefined)] as const)))
  }

  /** Never rejects. It ends once nobody watches, or another round has begun. */
  async function run(mine: number): Promise<void> {
    const goesOn = () => mine === round && watchers.size > 0
    for (let looks = 1; goesOn(); looks++) {
      const began = performance.now()
      await ask()
      const isFirst = last === undefined
      if (isFirst) await pause(FIRST_LOOK_MS)
      const seen = await look().catch(() => undefined)
      if (!goesOn()) return
      if (seen && (!isFirst || seen.silent === 0 || looks >= FIRST_LOOKS)) show(seen.picture)
      if (last !== undefined) await pause(Math.max(PICTURE_MS / 10, PICTURE_MS - (performance.now() - began)))
    }
  }

  function show(picture: Picture): void {
    last = picture
    for (const watcher of watchers) if (!watcher.show(picture)) leave(watcher, 'slow')
  }

  function leave(watcher: Watcher, why?: EndReason): void {
    if (!watchers.delete(watcher)) return
    if (why) watcher.end(why)
    if (watchers.size > 0) return
    clearTimeout(timer)
    round++
    last = undefined
    askedAt = Number.NEGATIVE_INFINITY
    history.forget()
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      timer = setTimeout(resolve, ms)
      timer.unref()
    })
  }

  return {
    hasRoom: () => watchers.size < MOST_WATCHERS,
    join(watcher) {
      watchers.add(watcher)
      if (watchers.size === 1) void run(++round)
      else if (last) watcher.show(last)
      return () => leave(watcher)
    },
    close() {
      for (const watcher of [...watchers]) leave(watcher, 'closing')
    },
  }
}
