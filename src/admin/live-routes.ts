// The routes that watch: the stream of pictures, and one session by its id.
import type { FastifyInstance } from 'fastify'
import type { Identity } from '../ports/caller.js'
import type { SessionDirectory, SessionRecord } from '../ports/directory.js'
import type { Revocations } from '../ports/store.js'
import type { Live } from './live.js'
import { LIVE_SCHEMAS } from './live-schemas.js'
import { openStream } from './live-stream.js'
import { NoSessionError, StoreAwayError, TooManyWatchersError } from './problems.js'
import { sessionShown } from './routes.js'
import { PAGE } from './schemas.js'
import { mayAct } from './scopes.js'

export interface LiveRouteDeps {
  readonly live: Live
  readonly store: { readonly directory: SessionDirectory; readonly revocations: Revocations }
  readonly callerOf: (request: object) => Identity | undefined
  readonly scopeClaim?: string | undefined
  /** Epoch milliseconds. */
  readonly now: () => number
}

/** 50,000 sessions. */
const MOST_PAGES = 100

export function addLiveRoutes(app: FastifyInstance, { live, store, callerOf, now, scopeClaim }: LiveRouteDeps): void {
  app.get('/live', { schema: LIVE_SCHEMAS.live, exposeHeadRoute: false }, (request, reply) => {
    const caller = callerOf(request)
    if (!caller) throw new Error('nobody was let in')
    let leave: (() => void) | undefined
    const rights = { acts: mayAct(caller, scopeClaim), expiresAtMs: caller.expiresAtMs, isRevoked: () => store.revocations.isKnown(caller) }
    // Whoever is one too many hears so before the stream begins.
    if (!live.hasRoom()) throw new TooManyWatchersError()
    reply.hijack()
    leave = live.join(openStream(reply.raw, rights, now, () => leave?.()))
  })

  app.get<{ Params: { readonly id: string } }>('/sessions/:id', { schema: LIVE_SCHEMAS.session }, async ({ params: { id } }) => {
    const found = await sessionOf(store.directory, id).catch(() => {
      throw new StoreAwayError()
    })
    if (!found) throw new NoSessionError()
    return sessionShown(found)
  })
}

/** Sessions are not found by id in Redis, so they are looked through, page by page. */
async function sessionOf(directory: SessionDirectory, id: string): Promise<SessionRecord | undefined> {
  let cursor: string | undefined
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const { sessions, next } = await directory.page(PAGE.most, cursor)
    const found = sessions.find((one) => one.id === id)
    if (found || next === undefined) return found
    cursor = next
  }
  return undefined
}
