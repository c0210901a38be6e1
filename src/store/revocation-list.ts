// The revocations this process knows of: who is refused until when, and who wants to be told.
import type { Identity } from '../ports/caller.js'

/** As the port spells it: one of the two per call back. */
export interface Revoked {
  readonly tokenId?: string
  readonly subject?: string
}

export interface RevocationList {
  /** False where this was known already (a revocation is never shortened) or is over. Listeners are told once per revocation in force. */
  add(member: string, untilMs: number): boolean
  has(identity: Identity): boolean
  /** Members still in force with their end, epoch milliseconds. */
  entries(): (readonly [string, number])[]
  onRevoked(callback: (revoked: Revoked) => void): void
}

/** Beyond this the oldest is forgotten here; a shared store still knows it. */
const MAX_ENTRIES = 50_000

/** `jti:<id>` and `sub:<subject>`, as the shared store spells them. Throws a TypeError for an end that is no number. */
export function membersOf(target: { tokenId?: string | undefined; subject?: string | undefined }, untilMs: number): string[] {
  if (!Number.isFinite(untilMs)) throw new TypeError('untilMs must be a finite number')
  return [...(target.tokenId === undefined ? [] : [`jti:${target.tokenId}`]), ...(target.subject === undefined ? [] : [`sub:${target.subject}`])]
}

export function createRevocationList(now: () => number): RevocationList {
  const untilOf = new Map<string, number>()
  const callbacks: ((revoked: Revoked) => void)[] = []

  function makeRoom(): void {
    if (untilOf.size < MAX_ENTRIES) return
    for (const [member, until] of untilOf) if (until <= now()) untilOf.delete(member)
    const oldest = untilOf.keys().next()
    if (untilOf.size >= MAX_ENTRIES && !oldest.done) untilOf.delete(oldest.value)
  }

  function tell(member: string): void {
    const revoked = member.startsWith('jti:') ? { tokenId: member.slice(4) } : { subject: member.slice(4) }
    for (const callback of callbacks) {
      try {
        callback(revoked)
      } catch {
        // One listener's failure must not keep the others from ending their sessions.
      }
    }
  }

  return {
    add: (member, untilMs) => {
      const known = untilOf.get(member) ?? 0
      if (!/^(jti|sub):/.test(member) || untilMs <= known || untilMs <= now()) return false
      makeRoom()
      untilOf.set(member, untilMs)
      if (known <= now()) tell(member)
      return true
    },
    has: (identity) => membersOf(identity, 0).some((member) => (untilOf.get(member) ?? 0) > now()),
    entries: () => [...untilOf].filter(([, until]) => until > now()),
    onRevoked: (callback) => void callbacks.push(callback),
  }
}
