// Paces how often an MCP server's event streams are opened again, whatever the server asks for and however fast it ends them.
import { setTimeout as pause } from 'node:timers/promises'
import type { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js'
import { createBackoff } from './backoff.js'

const LONGEST_PAUSE_MS = 30_000
/** Streams that are opened again after this long are no flood. */
const GOOD_AFTER_MS = 5000
/** To the SDK it means that there is no stream, which is the one answer after which it does not try again. */
const NO_STREAM = 405

/** Only GET opens a stream again, that of notifications or one that a call was waiting on. The first one waits for nothing. */
export function paceStreams(fetch: FetchLike): FetchLike {
  const backoff = createBackoff({ firstMs: 1000, longestMs: LONGEST_PAUSE_MS, goodAfterMs: GOOD_AFTER_MS })
  let openedAt: number | undefined
  return async (url, init) => {
    if (init?.method !== 'GET') return fetch(url, init)
    const now = performance.now()
    const held = openedAt === undefined ? GOOD_AFTER_MS : now - openedAt
    const wait = backoff.ended(held)
    // What held is opened again at once.
    openedAt = held >= GOOD_AFTER_MS ? now : now + wait
    try {
      if (openedAt > now) await pause(wait, undefined, { ref: false, ...(init.signal && { signal: init.signal }) })
      return await fetch(url, init)
    } catch (error) {
      // The SDK would try again although the transport is closed.
      if (init.signal?.aborted) return new Response(null, { status: NO_STREAM })
      throw error
    }
  }
}

/** The SDK takes the server's word for the time to wait, which may be nothing or a month. `paceStreams` makes the pauses; this only bounds a longer wish. */
export function boundServerRetry(transport: StreamableHTTPClientTransport): void {
  // biome-ignore lint/complexity/useLiteralKeys: private fields, whose names the type checker still checks
  transport['_getNextReconnectionDelay'] = () => Math.min(transport['_serverRetryMs'] ?? 0, LONGEST_PAUSE_MS)
}
