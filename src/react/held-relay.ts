// One relay of the kit as React needs it: what is to be seen of it, and when that changes. Sound changes nothing that is to be seen.
import { connect, type Problem, type Relay, type RelayOptions, type RelayState } from '../browser/browser.js'
import { type Line, withEvent } from './lines.js'

export interface Seen {
  readonly state: RelayState
  /** The last one, until the user acts again. */
  readonly problem: Problem | undefined
  /** The microphone is open. */
  readonly listening: boolean
  /** An answer sounds. */
  readonly speaking: boolean
  /** What both have said: the last two hundred messages that have words. */
  readonly lines: readonly Line[]
}

export interface HeldRelay {
  readonly relay: Relay
  /** What it was made for: with anything else, another relay is needed. */
  readonly key: string
  readonly subscribe: (listener: () => void) => () => void
  readonly seen: () => Seen
  /** The user acts again. */
  readonly forgive: () => void
  /** It is open, or is about to be: so is the one after it. */
  readonly goesOn: () => boolean
  /** Opens at once, or if the one before was open. Returns what ends it. */
  readonly begin: (immediate: boolean) => () => void
}

export function keyOf({ url, transport, interruptedBy, workletUrl }: RelayOptions): string {
  return JSON.stringify([url, transport, interruptedBy, workletUrl])
}

/** Touches nothing of a browser until the session is opened, so a server can render it. */
export function holdRelay(options: RelayOptions, key: string, goesOn: boolean): HeldRelay {
  const relay = connect(options)
  const listeners = new Set<() => void>()
  let opens = goesOn
  let all: readonly Line[] = []
  let seen: Seen = { state: relay.state, problem: undefined, listening: false, speaking: false, lines: [] }
  const show = (change: Partial<Seen>) => {
    seen = { ...seen, ...change }
    for (const listener of [...listeners]) listener()
  }
  const forgive = () => seen.problem && show({ problem: undefined })
  relay.on('state', (state) => show({ state, ...(state === 'connecting' && { problem: undefined }) }))
  relay.on('problem', (problem) => show({ problem }))
  relay.on('listening', (listening) => show({ listening }))
  relay.on('speaking', (speaking) => show({ speaking }))
  relay.on('*', (event) => {
    const next = withEvent(all, event)
    if (next === all) return
    all = next
    show({ lines: all.filter(({ text }) => text !== '') })
  })
  return {
    relay,
    key,
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    seen: () => seen,
    forgive,
    goesOn: () => opens || relay.state !== 'closed',
    begin(immediate) {
      let ended = false
      // StrictMode begins, ends and begins again in one go: only the last one is meant.
      queueMicrotask(() => {
        if (!ended && (immediate || opens)) relay.open()
        if (!ended) opens = false
      })
      return () => {
        ended = true
        relay.close()
      }
    },
  }
}
