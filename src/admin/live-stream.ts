// The stream of pictures to one operator: server-sent events, ended with the token, and given up if it is not read.
import type { ServerResponse } from 'node:http'
import type { Picture } from '../ports/picture.js'
import type { EndReason, Watcher } from './live.js'

/** Whose token it rests on. */
export interface StreamRights {
  /** The token may end sessions and revoke, too. */
  readonly acts: boolean
  readonly expiresAtMs: number
  readonly isRevoked: () => boolean
}

/** A picture that was not taken for so long is the last one. */
const SLOW_MS = 10_000

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
}

/** `now`: epoch milliseconds. `onEnd`: the token is over, or the reader is gone. */
export function openStream(response: ServerResponse, rights: StreamRights, now: () => number, onEnd: () => void): Watcher {
  let fullSince: number | undefined
  let isOver = false
  response.writeHead(200, HEADERS)
  response.on('close', () => {
    isOver = true
    onEnd()
  })
  response.on('error', () => undefined)
  response.on('drain', () => {
    fullSince = undefined
  })
  write('hello', { acts: rights.acts, until: new Date(rights.expiresAtMs).toISOString() })

  function write(event: string, data: object): void {
    if (!isOver && !response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)) fullSince ??= now()
  }

  function end(why: EndReason): void {
    if (isOver) return
    // Who does not read would not read this either, and would keep the rest in memory.
    if (why === 'slow') return void response.destroy()
    write('end', { why })
    response.end()
    isOver = true
    onEnd()
  }

  return {
    end,
    show(picture: Picture) {
      if (isOver) return true
      if (now() >= rights.expiresAtMs) end('expired')
      else if (rights.isRevoked()) end('revoked')
      else if (fullSince === undefined) write('picture', picture)
      else return now() - fullSince < SLOW_MS
      return true
    },
  }
}
