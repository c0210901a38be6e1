// What `realtime-relay/react` offers: one hook, which holds a session of the kit for as long as the component is there, and shows it.
'use client'

import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { Relay, RelayOptions } from '../browser/browser.js'
import { type HeldRelay, holdRelay, keyOf, type Seen } from './held-relay.js'

export type { ClientEvent, Listeners, Problem, Relay, RelayOptions, RelayState, ServerEvent, ServerEvents } from '../browser/browser.js'
export type { Line } from './lines.js'

export interface UseRelayOptions extends RelayOptions {
  /** Opens the session with the component. Without it the first `talk` or `say` does. */
  readonly immediate?: boolean
}

/** The functions are the same in every render; without the component they do nothing. */
export interface RelayActions {
  /** Call it in a click: opens if needed, then the microphone. Rejects with a `Problem`, which is shown as well. */
  readonly talk: () => Promise<void>
  /** Closes the microphone. */
  readonly mute: () => void
  /** A message of the user's. Opens if needed. */
  readonly say: (text: string) => void
  /** Ends the answer, and tells the model how much of it was heard. */
  readonly interrupt: () => void
  readonly close: () => void
}

export interface RelayView extends Seen, RelayActions {
  /** For events: `useEffect(() => relay.on('response.done', …), [relay])`. Another one after another `url`. */
  readonly relay: Relay
}

/** Another `url` or `transport` is another session, opened if the one before was. `token` may be another function in each render. */
export function useRelay(options: UseRelayOptions): RelayView {
  const latest = useRef(options)
  const current = useRef<HeldRelay>(undefined)
  const hold = (key: string, goesOn: boolean) => holdRelay({ ...options, token: () => latest.current.token() }, key, goesOn)
  const key = keyOf(options)
  const [held, setHeld] = useState(() => hold(key, false))
  // React renders again at once, and shows nothing of the old one.
  if (held.key !== key) setHeld(hold(key, held.goesOn()))

  useEffect(() => {
    latest.current = options
  })
  useEffect(() => {
    current.current = held
    const end = held.begin(latest.current.immediate ?? false)
    return () => {
      current.current = undefined
      end()
    }
  }, [held])

  const [actions] = useState(() => actionsOf(() => current.current))
  const seen = useSyncExternalStore(held.subscribe, held.seen, held.seen)
  return { ...seen, ...actions, relay: held.relay }
}

function actionsOf(current: () => HeldRelay | undefined): RelayActions {
  return {
    talk() {
      current()?.forgive()
      return current()?.relay.talk() ?? Promise.resolve()
    },
    mute: () => current()?.relay.mute(),
    say(text) {
      current()?.forgive()
      current()?.relay.say(text)
    },
    interrupt: () => current()?.relay.interrupt(),
    close: () => current()?.relay.close(),
  }
}
