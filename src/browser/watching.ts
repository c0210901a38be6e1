// When a page's sockets may be dead without knowing: another network, a page or a machine that slept. And when the page goes for good.

const TICK_MS = 10_000
/** A hidden page's timers may come once a minute. */
const SLEPT_MS = 90_000

/** Returns what ends the watching. */
export function watchPage(onDoubt: () => void, onLeave: () => void): () => void {
  const watching = new AbortController()
  const on = (target: EventTarget, type: string, listener: (event: Event) => void) => target.addEventListener(type, listener, { signal: watching.signal })
  let last = Date.now()
  const tick = setInterval(() => {
    const now = Date.now()
    if (now - last > SLEPT_MS) onDoubt()
    last = now
  }, TICK_MS)
  on(window, 'online', onDoubt)
  on(window, 'offline', onDoubt)
  on(document, 'resume', onDoubt)
  // A page that may be shown again comes back to its session then.
  on(window, 'pagehide', (event) => (event as PageTransitionEvent).persisted || onLeave())
  return () => {
    clearInterval(tick)
    watching.abort()
  }
}
