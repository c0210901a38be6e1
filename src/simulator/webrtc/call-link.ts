// The link of a call: one conversation with several readers, the browser's channel and any number of sidebands.
import type { RealtimeEvent } from '../../core/protocol/events.js'
import type { Link, LinkHooks } from '../link.js'
import { createTurnQueue } from '../turn-queue.js'

/** The browser's side. */
export interface Channel {
  /** Whether it may see events of this type. */
  shows(type: string): boolean
  send(text: string): void
  /** Ends media and channel. */
  close(): void
}

/** Who sent an event, and hears of the error if there is one. */
export type Writer = Link | 'channel'

export interface CallLink extends Link {
  readonly sidebands: number
  add(sideband: Link): void
  remove(sideband: Link): void
  /** An `error` during the work goes to this writer alone. */
  asking(writer: Writer, work: () => void): void
}

/** `closed` is called once, when nothing of the call is left. */
export function createCallLink({ delay, frozen, ended }: LinkHooks, channel: Channel, closed: (code: number) => void): CallLink {
  const sidebands = new Set<Link>()
  const turns = createTurnQueue()
  let stalled: (() => void)[] = []
  let asks: Writer | undefined
  let over = false
  let left = false
  /** What came while a fault says not to read. Bounded, and the rest is lost. */
  const held: (() => void)[] = []
  const MAX_HELD = 1000

  const end = () => {
    if (over) return
    over = true
    turns.clear()
    held.length = 0
    ended()
  }
  const leave = (code: number) => {
    if (left) return
    left = true
    end()
    channel.close()
    closed(code)
  }
  const wake = () => {
    const resumed = stalled
    stalled = []
    for (const resume of resumed) resume()
  }
  const each = (work: (sideband: Link) => void) => {
    for (const sideband of [...sidebands]) work(sideband)
  }
  const close = (code: number, reason: string) =>
    turns.add(0, () => {
      each((sideband) => sideband.close(code, reason))
      leave(code)
    })

  return {
    get over() {
      return over
    },
    get sidebands() {
      return sidebands.size
    },
    add: (sideband) => void sidebands.add(sideband),
    remove(sideband) {
      sidebands.delete(sideband)
      // It cannot tell any more that it has caught up.
      wake()
    },
    asking(writer, work) {
      if (over) return
      if (frozen()) return void (held.length < MAX_HELD && held.push(() => this.asking(writer, work)))
      asks = writer
      try {
        work()
      } finally {
        asks = undefined
      }
    },
    event(event: RealtimeEvent) {
      if (over) return
      const text = JSON.stringify(event)
      const alone = event.type === 'error' ? asks : undefined
      each((sideband) => (alone === undefined || alone === sideband) && sideband.write(text))
      if ((alone === undefined || alone === 'channel') && channel.shows(event.type)) turns.add(delay(), () => over || channel.send(text))
    },
    write(data, binary) {
      each((sideband) => sideband.write(data, binary))
      if (!over && typeof data === 'string') turns.add(delay(), () => over || channel.send(data))
    },
    congested(resume) {
      for (const sideband of sidebands) {
        if (!sideband.congested(wake)) continue
        stalled.push(resume)
        return true
      }
      return false
    },
    faultsChanged() {
      each((sideband) => sideband.faultsChanged())
      if (!frozen()) for (const work of held.splice(0)) work()
    },
    close,
    closeThenWrite(code, reason, text) {
      each((sideband) => sideband.closeThenWrite(code, reason, text))
      leave(code)
    },
    endBy(fault) {
      if (over) return
      if (fault.sidebandsOnly) return each((sideband) => sideband.endBy(fault))
      if (fault.how === 'close') return close(fault.code ?? 1011, fault.reason ?? '')
      each((sideband) => sideband.endBy(fault))
      if (fault.how === 'silence') end()
      else leave(1006)
    },
    fallSilent() {
      each((sideband) => sideband.fallSilent())
      end()
    },
    ping: () => each((sideband) => sideband.ping()),
    drop() {
      each((sideband) => sideband.drop())
      leave(1006)
    },
  }
}
