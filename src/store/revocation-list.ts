// The revocations this process knows: each member's end, and the listeners.
import type { Identity } from '../ports/caller.js'
import type { RevocationTarget } from '../ports/store.js'

export interface RevocationList {
  /** False if a revocation at least as long is known (none is ever shortened), or if its end has passed. Calls each listener once per revocation in force. */
  add(member: string, untilMs: number): boolean
  has(identity: Pick<Identity, 'subject' | 'tokenId'>): boolean
  /** Members in force, each with its end in epoch milliseconds. */
  entries(): (readonly [string, number])[]
  onRevoked(callback: (revoked: RevocationTarget) => void): void
}

/** Beyond this the oldest is dropped here. Redis still knows it. */
const MAX_ENTRIES = 50_000

/** `jti:<id>` and `sub:<subject>`, as Redis stores them. Throws a `TypeError` if the end is not a finite number. */
export function membersOf(target: { tokenId?: string | undefined; subject?: string | undefined }, untilMs: number): string[] {
  if (!Number.isFinite(untilMs)) throw new TypeError('untilMs must be a finite number')
  return [...(target.tokenId === undefined ? [] : [`jti:${target.tokenId}`]), ...(target.subject === undefined ? [] : [`sub:${target.subject}`])]
}

export function createRevocationList(now: () => number): RevocationList {
  const untilOf = new Map<string, number>()
  const callbacks: ((revoked: RevocationTarget) => void)[] = []

  function makeRoom(): void {
    if (untilOf.size < MAX_ENTRIES) return
    for (const [member, until] of untilOf) if (until <= now()) untilOf.delete(member)
    const oldest = untilOf.keys().next()
    if (untilOf.size >= MAX_ENTRIES && !oldest.done) untilOf.delete(oldest.value)
  }

  function notify(member: string): void {
    const revoked = member.startsWith('jti:') ? { tokenId: member.slice(4) } : { subject: member.slice(4) }
    for (const callback of callbacks) {
      try {
        callback(revoked)
      } catch {
        // The other listeners must still end their sessions.
      }
    }
  }

  return {
    add: (member, untilMs) => {
      const known = untilOf.get(member) ?? 0
      if (!/^(jti|sub):/.test(member) || untilMs <= known || untilMs <= now()) return false
      makeRoom()
      untilOf.set(member, untilMs)
      if (known <= now()) notify(member)
      return true
    },
    has: (identity) => membersOf(identity, 0).some((member) => (untilOf.get(member) ?? 0) > now()),
    entries: () => [...untilOf].filter(([, until]) => until > now()),
    onRevoked: (callback) => void callbacks.push(callback),
  }
}
