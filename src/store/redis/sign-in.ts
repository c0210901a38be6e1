// Keeps a connection signed in to a Redis whose password is an Entra ID token: the newest one is sent before the last one ends, while commands go on.
import type { Redis } from 'ioredis'
import type { Secret } from '../../config/secret.js'

/** `createEntraTokens` fits. It fetches and renews by itself. */
export interface SignInTokens {
  get(signal: AbortSignal, timeoutMs: number): Promise<Secret>
  close(): void
  /** Whether there is a newer one is looked up this often; every five seconds by default. */
  readonly lookMs?: number
}

const LOOK_MS = 5_000
/** Each question that finds no token asks the identity service, so after one it is left alone for so many looks. */
const LOOKS_LEFT_OUT = 4
const TOKEN_TIMEOUT_MS = 30_000

/**
 * `client` must be lazy: it connects here, with the first token. Returns what ends it.
 * A token that the server refuses is sent again at the next look; the connection stays, since it may still be signed in with the last one.
 */
export function keepSignedIn(client: Redis, tokens: SignInTokens, on: { none: () => void; refused: (error: unknown) => void }): () => void {
  const closing = new AbortController()
  const lookMs = tokens.lookMs ?? LOOK_MS
  const timer = setInterval(() => void look(), lookMs).unref()
  /** What this connection was opened with, or was last told. */
  let shown: string | undefined
  let looking = false
  let pausedUntil = 0

  client.on('connecting', () => {
    shown = client.options.password
  })
  // The handshake may have begun with a token that has been replaced meanwhile.
  client.on('ready', () => void look())
  // The next attempt shows the newest token, which the lost connection may have lacked.
  client.on('close', () => void look())

  async function look(): Promise<void> {
    if (looking || performance.now() < pausedUntil) return
    looking = true
    try {
      const token = (await tokens.get(closing.signal, TOKEN_TIMEOUT_MS)).reveal()
      if (closing.signal.aborted) return
      client.options.password = token
      if (client.status === 'wait') client.connect().catch(() => undefined)
      else if (client.status === 'ready' && token !== shown) await show(token)
    } catch {
      pausedUntil = performance.now() + LOOKS_LEFT_OUT * lookMs
      if (!closing.signal.aborted) on.none()
    } finally {
      looking = false
    }
  }

  async function show(token: string): Promise<void> {
    try {
      await client.auth(client.options.username ?? '', token)
      shown = token
    } catch (error) {
      on.refused(error)
      // A connection that speaks the older protocol and is subscribed takes no AUTH, so it is opened anew.
      if (!(error instanceof Error && error.name === 'ReplyError')) client.disconnect(true)
    }
  }

  void look()
  return () => {
    clearInterval(timer)
    closing.abort()
  }
}
