// What each dial needs: a token of the app, in time, and a socket with it. Both throw a `Problem`.
import type { RelayOptions } from './relay.js'
import { problemOf } from './trouble.js'

const TOKEN_MS = 10_000

export async function tokenOf(options: RelayOptions): Promise<string> {
  try {
    return await Promise.race([options.token(), new Promise<never>((_, reject) => void setTimeout(reject, TOKEN_MS))])
  } catch (cause) {
    throw Object.assign(problemOf('token'), { cause })
  }
}

export function socketTo(url: string, token: string, protocols: readonly string[], callId?: string): WebSocket {
  try {
    const address = new URL(url)
    if (callId) address.searchParams.set('call_id', callId)
    return new WebSocket(address, [...protocols, `openai-insecure-api-key.${token}`])
  } catch {
    throw problemOf('address')
  }
}
