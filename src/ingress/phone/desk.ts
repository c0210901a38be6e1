// Opens the sessions of callers on the telephone before their media sockets are there, and knows which socket belongs to which call.
import { createHash } from 'node:crypto'
import type { SessionProfile } from '../../core/policy/profile.js'
import { RefusalError } from '../../core/protocol/errors.js'
import type { AnsweredPhoneCall, Carrier, Line, MediaFraming, PhoneDesk, Ring } from '../../ports/phone.js'
import type { NewSession } from '../../ports/session.js'
import type { Store } from '../../ports/store.js'
import { createPhoneAdmission, type PhoneAdmissionDeps } from './admission.js'
import { createGapWatch } from './gaps.js'
import { createPhoneCall, type LossEnd, type PhoneCall } from './phone-call.js'
import type { GapKind } from './phone-link.js'
import { createMediaTickets } from './tickets.js'

export interface PhoneDeskDeps extends PhoneAdmissionDeps {
  readonly store: Pick<Store, 'rates' | 'leases' | 'revocations' | 'tickets' | 'once'>
  /** Where callers of this profile may be transferred, by name. */
  readonly transferTo: (profile: string) => Readonly<Record<string, string>>
  /** Throws a `RefusalError` like `OpenSession`. `chosen`: whose configuration the session keeps. */
  readonly openSession: (session: Omit<NewSession, 'recorder'>, chosen: SessionProfile) => void
  /** The clock of sessions. */
  readonly steady: () => number
  readonly counted: PhoneAdmissionDeps['counted'] & { filled(why: GapKind): void; lost(end: LossEnd): void }
  readonly log: Record<'info' | 'warn', (fields: object, message: string) => void>
  /** Milliseconds, if not the usual: for the first media socket, for another, and between two looks at a ticket. */
  readonly waitMs?: number
  readonly graceMs?: number
  readonly lookMs?: number
}

export interface RunningPhoneDesk extends PhoneDesk {
  /** Callers who are in. */
  readonly size: number
}

const TICKET_MS = 30_000
const TICKET_SPARE_MS = 30_000
const LOOK_MS = 1_000

interface Answered {
  readonly call: PhoneCall
  readonly answered: AnsweredPhoneCall
  /** Of its tickets that nobody has redeemed here. */
  readonly tickets: Set<string>
}

export function createPhoneDesk(deps: PhoneDeskDeps): RunningPhoneDesk {
  const { store, counted, log, lookMs = LOOK_MS } = deps
  const admission = createPhoneAdmission(deps)
  const tickets = createMediaTickets(store.tickets, TICKET_MS, TICKET_MS + TICKET_SPARE_MS, deps.now)
  const watch = createGapWatch(deps.steady)
  const bySession = new Map<string, Answered>()
  const byTicket = new Map<string, Answered>()

  function notHungUp(carrier: Carrier, sessionId?: string): void {
    log.warn({ sessionId, carrier }, 'a telephone call could not be hung up')
  }

  async function open(ring: Ring, line: Line, framing: MediaFraming, moved: boolean): Promise<Answered> {
    const { sessionId, identity, profile, tools, chosen, release } = await admission.admit(ring, framing.format, moved)
    const call = createPhoneCall({
      line,
      framing,
      now: deps.steady,
      onFilled: counted.filled,
      onLoss: counted.lost,
      onNotHungUp: () => notHungUp(ring.carrier, sessionId),
      isElsewhere: () => isElsewhere(entry),
      ...(deps.waitMs !== undefined && { waitMs: deps.waitMs }),
      ...(deps.graceMs !== undefined && { graceMs: deps.graceMs }),
    })
    let sayEnded: () => void = () => undefined
    const ended = new Promise<void>((resolve) => {
      sayEnded = resolve
    })
    const entry: Answered = { call, answered: { sessionId, attach: call.attach, ended, over: call.over }, tickets: new Set() }
    let isOpen = false
    let isOver = false
    const onEnd = () => {
      isOver = true
      watch.remove(call.link)
      bySession.delete(sessionId)
      for (const name of entry.tickets) void tickets.withdraw(name).catch(() => undefined)
      entry.tickets.clear()
      release()
      // A call that was refused is not answered, and its carrier is told so.
      if (isOpen) call.ended()
      else call.letGo()
      sayEnded()
    }
    const phone = { carrier: ring.carrier, line: call.line, transferTo: deps.transferTo(chosen.name) }
    const session = { client: call.link, dialect: 'ga', sessionId, identity, profile, tools, requestedModel: undefined, arrivedAt: deps.now(), phone, onEnd } as const
    bySession.set(sessionId, entry)
    watch.add(call.link)
    try {
      deps.openSession(session, chosen)
      if (isOver) throw new RefusalError('session_over', 'ended_at_start')
      isOpen = true
      return entry
    } catch (error) {
      onEnd()
      throw admission.refused(error, ring.carrier)
    }
  }

  /** Known for longer than it is good: a ticket of a call that is over opens no other. Forgotten before the store forgets it, which would look as if it were used. */
  function remember(name: string, entry: Answered): void {
    entry.tickets.add(name)
    byTicket.set(name, entry)
    const forget = () => {
      entry.tickets.delete(name)
      byTicket.delete(name)
    }
    setTimeout(forget, TICKET_MS + TICKET_SPARE_MS / 2).unref()
  }

  /** Nobody came here. A ticket that is neither here nor in the store was redeemed on another instance; one that is there is of no use from now on. */
  async function isElsewhere({ tickets: names }: Answered): Promise<boolean> {
    for (const name of names) {
      try {
        if (!(await tickets.withdraw(name)) && names.has(name)) return true
      } catch {
        // Nobody else could ask the store either.
      }
    }
    return false
  }

  /** Its own call forgets the name before the store is asked: whoever looks for it meanwhile would take it for used elsewhere. */
  async function redeem(ticket: string): Promise<{ readonly ring: Ring; readonly here: Answered | undefined } | undefined> {
    const name = tickets.nameOf(ticket)
    const here = byTicket.get(name)
    const wasOpen = here?.tickets.delete(name)
    let found: Awaited<ReturnType<typeof tickets.redeem>>
    try {
      found = await tickets.redeem(ticket)
    } finally {
      if (found) {
        here?.tickets.delete(name)
        byTicket.delete(name)
      } else if (here && wasOpen && byTicket.has(name) && bySession.has(here.answered.sessionId)) {
        here.tickets.add(name)
        followTicket(name, here)
      }
    }
    return found && { ring: found.ring, here }
  }

  /** So that a call which goes on elsewhere does not go on here as well until its time is over. */
  function followTicket(name: string, { call, tickets: names }: Answered): void {
    const timer = setInterval(async () => {
      if (!names.has(name)) return clearInterval(timer)
      const isOpen = await tickets.isOpen(name).catch(() => true)
      if (isOpen || !names.has(name) || !call.isWaiting) return
      clearInterval(timer)
      call.letGo()
    }, lookMs).unref()
  }

  return {
    get size() {
      return admission.size
    },
    admit: (ring) => admission.admit(ring, undefined, false),
    answer: async (ring, line, framing, moved = false) => (await open(ring, line, framing, moved)).answered,
    async ticketFor({ sessionId }, ring) {
      const { ticket, name } = await tickets.issue(ring)
      const entry = bySession.get(sessionId)
      if (entry) {
        remember(name, entry)
        followTicket(name, entry)
      } else await tickets.withdraw(name).catch(() => undefined)
      return ticket
    },
    async redeem(ticket, make) {
      const found = await redeem(ticket)
      if (!found) return undefined
      const { ring, here } = found
      if (here) return { ring, call: here.answered }
      const { line, framing } = make(ring)
      try {
        return { ring, call: (await open(ring, line, framing, true)).answered }
      } catch (error) {
        // Whoever answered it has let it go.
        line.hangUp().catch(() => notHungUp(ring.carrier))
        throw error
      }
    },
    isFirst: (key, ttlMs) => store.once.isFirst(createHash('sha256').update(key).digest('hex'), ttlMs),
  }
}
