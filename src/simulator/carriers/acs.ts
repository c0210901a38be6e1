// A simulated Azure Communication Services: rings a relay by Event Grid, obeys its REST requests, dials its media socket and calls it back.
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AcsCall, type AcsCallOptions, createAcsCall } from './acs-call.js'
import { callbackEvent, type GridSchema, incomingCall, validationRequest } from './acs-events.js'
import { handleRest, problem, type RestAnswer, type RestRequest, type SeenRequest } from './acs-rest.js'
import { type AcsTokens, createAcsTokens } from './acs-tokens.js'
import type { RingOptions, SimulatedCarrier } from './carrier.js'

export interface AcsOptions extends AcsCallOptions {
  /** Where the relay listens, looked at when it is needed: a relay may be told our address first. Its own public address is not dialled: only the paths of what it names are. */
  readonly relayUrl: string
  readonly resourceId: string
  /** Base64, as in a connection string. */
  readonly accessKey: string
  /** The secret that Event Grid has in its query. */
  readonly secret?: string
  /** Event Grid's own token, if deliveries are protected by Entra. Signed by the same keys as everything else here. */
  readonly delivery?: { readonly issuer: string; readonly audience: string; readonly appId: string }
  readonly schema?: GridSchema
  /** The service takes so long for each request. */
  readonly restMs?: number
  readonly host?: string
  readonly port?: number
  readonly now?: () => number
}

/** How one ring is delivered. */
export interface AcsRing extends RingOptions, AcsCallOptions {
  readonly schema?: GridSchema
  /** How often the same event is delivered. */
  readonly copies?: number
  /** The event is so old when it comes. */
  readonly lateMs?: number
}

export interface Delivered {
  readonly status: number
  readonly body: string
}

export interface SimulatedAcs extends SimulatedCarrier {
  readonly endpoint: string
  readonly issuer: string
  readonly keysUrl: string
  readonly tokens: AcsTokens
  /** Every request that was signed well, oldest first; the last thousand. */
  readonly seen: readonly SeenRequest[]
  ring(options: AcsRing): Promise<AcsCall>
  /** A call that rings, and the event that says so, for whoever delivers it by hand. */
  prepare(options: AcsRing): { readonly call: AcsCall; readonly event: object }
  /** Delivers events as Event Grid does. `query` and `headers` replace the proof. */
  deliver(events: readonly object[] | object, proof?: { readonly query?: string; readonly headers?: Readonly<Record<string, string>> }): Promise<Delivered>
  /** The handshake of a subscription. */
  subscribe(): Promise<Delivered>
  callBack(address: string, events: readonly object[], token?: string): Promise<Delivered>
}

const MAX_SEEN = 1000
const CALLBACK_LIFE_S = 300
const REQUEST_MS = 10_000
const INCOMING = '/telephony/acs/incoming'

export async function createAcs(options: AcsOptions): Promise<SimulatedAcs> {
  const { resourceId, accessKey, host = '127.0.0.1', now = Date.now } = options
  const ringing = new Map<string, AcsCall>()
  const connections = new Map<string, AcsCall>()
  const seen: SeenRequest[] = []
  const tokens = createAcsTokens({ issuer: () => endpoint, audience: resourceId, now })
  const rest = {
    accessKey,
    now,
    perform,
    onSeen(one: SeenRequest) {
      seen.push(one)
      if (seen.length > MAX_SEEN) seen.shift()
    },
  }
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    const json = (status: number, body: object) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (path === '/calling/.well-known/acsopenidconfiguration')
      json(200, { issuer: endpoint, jwks_uri: `${endpoint}/calling/keys`, id_token_signing_alg_values_supported: ['RS256'] })
    else if (path === '/calling/keys') json(200, tokens.keySet())
    else if (path.startsWith('/calling/callConnections')) void handleRest(request, response, rest)
    else json(404, problem('NotFound', 'Nothing here.'))
  })
  server.listen(options.port ?? 0, host)
  await once(server, 'listening')
  const endpoint = `http://${host}:${(server.address() as AddressInfo).port}`

  async function perform(request: RestRequest): Promise<RestAnswer> {
    if (options.restMs !== undefined) await new Promise((resolve) => setTimeout(resolve, options.restMs))
    const call = request.id === undefined ? ringing.get(String(request.body.incomingCallContext)) : connections.get(request.id)
    return call ? call.perform(request) : { status: 404, body: problem('NotFound', 'The call is not there.') }
  }

  /** The same path at the address where the relay listens. */
  function reach(address: string): string {
    const { pathname, search, protocol } = new URL(address)
    const url = new URL(pathname + search, options.relayUrl)
    if (protocol === 'ws:' || protocol === 'wss:') url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    return url.href
  }

  async function post(url: string, body: unknown, headers: Readonly<Record<string, string>>): Promise<Delivered> {
    const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body), signal: AbortSignal.timeout(REQUEST_MS) }
    const response = await fetch(url, init)
    return { status: response.status, body: await response.text() }
  }

  const callBack: SimulatedAcs['callBack'] = (address, events, token = tokens.token({ lifeSeconds: CALLBACK_LIFE_S })) =>
    post(reach(address), events, { authorization: `Bearer ${token}` })

  const deliver: SimulatedAcs['deliver'] = (events, proof) => {
    const { secret, delivery } = options
    const query = proof ? (proof.query ?? '') : secret === undefined ? '' : `?secret=${encodeURIComponent(secret)}`
    const token = delivery && tokens.token({ issuer: delivery.issuer, audience: delivery.audience, lifeSeconds: 3600, claims: { appid: delivery.appId } })
    const headers = proof ? (proof.headers ?? {}) : token === undefined ? {} : { authorization: `Bearer ${token}` }
    return post(new URL(INCOMING + query, options.relayUrl).href, events, { 'aeg-event-type': 'Notification', ...headers })
  }

  const prepare: SimulatedAcs['prepare'] = ({ from, to, headers, schema = options.schema ?? 'event-grid', lateMs = 0, ...own }) => {
    const names = { connectionId: randomUUID(), serverCallId: randomBytes(60).toString('base64'), correlationId: randomUUID(), context: randomBytes(900).toString('base64') }
    // One after another: the service does not promise an order, but a call that has ended before it began would be none.
    let callbacks: Promise<unknown> = Promise.resolve()
    const call = createAcsCall({
      ...options,
      ...own,
      names,
      reach,
      mediaToken: () => tokens.token(),
      callBack(address, kind, more) {
        callbacks = callbacks.then(() => callBack(address, [callbackEvent(kind, names, more)])).catch(() => undefined)
        return callbacks.then(() => undefined)
      },
      onOver() {
        ringing.delete(names.context)
        connections.delete(names.connectionId)
      },
    })
    ringing.set(names.context, call)
    connections.set(names.connectionId, call)
    return { call, event: incomingCall({ from, to, ...(headers ? { headers } : {}) }, names, schema, new Date(now() - lateMs)) }
  }

  return {
    endpoint,
    issuer: endpoint,
    keysUrl: `${endpoint}/calling/keys`,
    tokens,
    seen,
    prepare,
    deliver,
    callBack,
    subscribe: () => deliver([validationRequest(randomUUID(), new Date(now()))]),
    async ring(ring) {
      const { call, event } = prepare(ring)
      const isCloud = (ring.schema ?? options.schema) === 'cloud-events'
      const copies = Array.from({ length: ring.copies ?? 1 }, () => deliver(isCloud ? event : [event]))
      const refused = (await Promise.all(copies)).find(({ status }) => status !== 200)
      if (refused) call.fail(`the relay answered the ring with status ${refused.status}`)
      return call
    },
    async close() {
      await Promise.all([...new Set([...ringing.values(), ...connections.values()])].map((call) => call.hangUp()))
      server.close()
      server.closeAllConnections()
    },
  }
}
