// When a page's sockets may be dead without knowing: another network, a page or a machine that slept. And when the page goes for good.

const TICK_MS = 10_000
/** A hidden page's timers may come once a minute. */
const SLEPT_MS = 90_000

/** Returns what ends the watching. */
export function watchPage(onDoubt: () => void, onLeave: () => void): () => void {
  // A page that may be shown again comes back to its session then.
  const onHide = ({ persisted }: PageTransitionEvent) => persisted || onLeave()
  let last = Date.now()
  const tick = setInterval(() => {
    if (Date.now() - last > SLEPT_MS) onDoubt()
    last = Date.now()
  }, TICK_MS)
  const watching = new AbortController()
  addEventListener('online', onDoubt, watching)
  addEventListener('offline', onDoubt, watching)
  addEventListener('pagehide', onHide, watching)
  return () => {
    clearInterval(tick)
    watching.abort()
  }
}
