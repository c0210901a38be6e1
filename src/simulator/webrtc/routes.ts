// What calls ask over HTTP: client secrets, offers and hang-ups, as Azure answers them in two steps and OpenAI in one, and what is asked of calls by SIP.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Json } from '../../core/protocol/events.js'
import type { Asked, Faults } from '../faults.js'
import type { Chance } from '../ids.js'
import type { SimulatorOptions } from '../options.js'
import { answerSip, SIP_ASKED, type SipAsked } from '../sip/answers.js'
import type { SipCalls } from '../sip/calls.js'
import { anyKey, BAD_KEY, bearer, serverKeyFits } from '../upgrade.js'
import { check, integer, nullable, object, oneOf, type Problem } from '../validate.js'
import { type CallSession, readCallSession, shownSession } from './call-session.js'
import type { Calls } from './calls.js'
import { readBody, readForm } from './request-body.js'
import { createSecrets, DEFAULT_SECONDS } from './secrets.js'

export interface CallRoutes {
  /** False: the request is none of these. */
  take(request: IncomingMessage, response: ServerResponse, url: URL): boolean
}

export interface CallRoutesSetup {
  readonly options: SimulatorOptions
  readonly calls: Calls
  readonly sip: SipCalls
  nextChance(): Chance
  hangs(): boolean
  /** The fault that refuses this, which counts as done. */
  refusal(asked: Asked): NonNullable<Faults['refuse']> | undefined
  /** Whole seconds to wait, or 0. */
  takeDial(): number
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object | string
}

const EXPIRES_AFTER = nullable(object({ anchor: oneOf('created_at'), seconds: integer(10, DEFAULT_SECONDS) }))
const CORS = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Location,X-Request-Id' }
const TOO_MANY = 'Requests have exceeded the call rate limit of your current pricing tier. Please retry later.'

export function createCallRoutes({ options, calls, sip, nextChance, hangs, refusal, takeDial }: CallRoutesSetup): CallRoutes {
  const openai = options.style === 'openai'
  const root = openai ? '/v1/realtime' : '/openai/v1/realtime'
  const now = () => Date.now() / 1000
  const secrets = createSecrets(now)

  const mint = (body: Buffer): Answer => {
    const given = parsed(body)
    if (given === undefined || typeof given !== 'object' || given === null || Array.isArray(given)) return failed(400, 'invalid_json', 'The body must be a JSON object.')
    const bad = check(given.expires_after ?? null, EXPIRES_AFTER, 'expires_after')
    const session = bad ?? readCallSession(given.session, options)
    if ('code' in session) return answerTo(session)
    const after = given.expires_after as { seconds?: number } | null | undefined
    const chance = nextChance()
    const value = `ek_${chance.letters(32)}`
    const expiresAt = Math.floor(now()) + (after?.seconds ?? DEFAULT_SECONDS)
    secrets.keep(value, session, expiresAt)
    calls.warm()
    return { status: 200, body: { value, expires_at: expiresAt, session: shownSession(session, chance.newId('sess'), options) } }
  }

  /** Who may begin a call, with which offer and session: the secret's, or in OpenAI's one step the form's. */
  const offered = async (request: IncomingMessage, url: URL, body: Buffer): Promise<{ sdp: string; session: CallSession } | Answer> => {
    const given = bearer(request.headers) ?? ''
    const contentType = request.headers['content-type'] ?? ''
    if (given.startsWith('ek_')) {
      const session = secrets.find(given)
      if (!session) return failed(401, 'invalid_ephemeral_token', 'The ephemeral token is invalid or has expired.')
      if (!/^application\/sdp\b/i.test(contentType)) return failed(400, 'unsupported_content_type', 'Unsupported content type. This request needs application/sdp.')
      return { sdp: body.toString('utf8'), session }
    }
    if (!openai) return failed(401, '401', 'This operation requires ephemeral tokens')
    if (!serverKeyFits(url, request.headers, options)) return failed(401, 'invalid_api_key', 'Incorrect API key provided.')
    const form = await readForm(body, contentType)
    const sdp = form?.get('sdp')
    if (sdp === undefined) return failed(400, 'unsupported_content_type', 'Unsupported content type. This request needs multipart/form-data with sdp and session.')
    const session = readCallSession(parsed(Buffer.from(form?.get('session') ?? '')), options)
    return 'code' in session ? answerTo(session) : { sdp, session }
  }

  const place = async (request: IncomingMessage, url: URL, body: Buffer): Promise<Answer> => {
    const start = await offered(request, url, body)
    if ('status' in start) return start
    const placed = await calls.place({ ...start, filtered: url.searchParams.get('webrtcfilter') === 'on', target: request.url ?? '/', headers: request.headers })
    if (placed.type === 'refused') return failed(placed.status, placed.code, placed.message)
    return { status: 201, headers: { 'content-type': 'text/plain; charset=utf-8', location: `/v1/realtime/calls/${placed.callId}` }, body: placed.sdp }
  }

  const unknownCall = (callId: string): Answer => failed(404, 'call_id_not_found', `No session found for call_id ${callId.slice(0, 64)}.`)
  const hangUp = (callId: string): Answer => (calls.hangUp(callId) || sip.hangUp(callId) ? { status: 200 } : unknownCall(callId))
  const askSip = (asked: SipAsked, callId: string, body: Buffer, { url, headers }: IncomingMessage): Answer => {
    const answered = answerSip({ asked, callId, body: parsed(body), target: url ?? '/', headers }, sip, options)
    if (answered === 'done') return { status: 200 }
    return answered === 'gone' ? unknownCall(callId) : answerTo(answered)
  }

  const answer = async (asked: Asked, request: IncomingMessage, url: URL, callId: string): Promise<Answer> => {
    const refused = refusal(asked)
    if (refused) return asRefused(refused, `key ${anyKey(url, request.headers)} at ${url.pathname}`)
    const body = await readBody(request)
    if (!body) return failed(413, '413', 'The body is too big.')
    const waitSeconds = asked === 'calls' ? takeDial() : 0
    if (waitSeconds > 0) return { ...failed(429, '429', TOO_MANY), headers: { 'retry-after': String(waitSeconds) } }
    if (asked === 'calls') return place(request, url, body)
    if (!serverKeyFits(url, request.headers, options)) return openai ? failed(401, 'invalid_api_key', 'Incorrect API key provided.') : failed(401, '401', BAD_KEY)
    if (asked === 'hangup') return hangUp(callId)
    return isSipAsked(asked) ? askSip(asked, callId, body, request) : mint(body)
  }

  return {
    take(request, response, url) {
      const { asked, callId = '' } = matched(root, url.pathname)
      if (asked === undefined) return false
      const send = ({ status, headers, body }: Answer) => {
        const type = typeof body === 'object' ? { 'content-type': 'application/json' } : {}
        response.writeHead(status, { ...type, ...(asked === 'calls' && CORS), ...headers }).end(typeof body === 'object' ? JSON.stringify(body) : body)
      }
      request.on('error', () => undefined)
      if (hangs()) {
        request.resume()
        return true
      }
      if (request.method === 'OPTIONS' && asked === 'calls')
        send({ status: 204, headers: { 'access-control-allow-methods': 'POST, OPTIONS', 'access-control-allow-headers': '*, Authorization', 'access-control-max-age': '600' } })
      else if (request.method !== 'POST') send(failed(405, '405', 'POST only.'))
      else
        answer(asked, request, url, callId).then(send, (error: unknown) => {
          options.log?.(`internal error: ${error instanceof Error ? (error.stack ?? error.message) : 'unknown'}`)
          response.destroy()
        })
      return true
    },
  }
}

function matched(root: string, path: string): { readonly asked?: Asked; readonly callId?: string | undefined } {
  if (!path.startsWith(`${root}/`)) return {}
  const rest = path.slice(root.length + 1)
  if (rest === 'client_secrets' || rest === 'calls') return { asked: rest }
  const [, callId, asked] = /^calls\/([^/]+)\/(hangup|accept|reject|refer)$/.exec(rest) ?? []
  return asked === undefined ? {} : { asked: asked as Asked, callId }
}

function isSipAsked(asked: Asked): asked is SipAsked {
  return (SIP_ASKED as readonly string[]).includes(asked)
}

function answerTo(found: Problem): Answer {
  return failed(found.code === 'DeploymentNotFound' ? 404 : 400, found.code, found.message, found.param)
}

function failed(status: number, code: string, message: string, param: string | null = null): Answer {
  return { status, body: { error: { message, type: 'invalid_request_error', param, code } } }
}

/** The text quotes the credential, which must not reach a client of the relay. */
function asRefused({ status, retryAfterSeconds, location }: NonNullable<Faults['refuse']>, whom: string): Answer {
  const headers = {
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    ...(location !== undefined && { location: location.replace(/[^\x21-\x7e]/g, '') }),
  }
  return { ...failed(status, String(status), `Refused: ${whom}.`), headers }
}

function parsed(body: Buffer): Json | undefined {
  try {
    return JSON.parse(body.toString('utf8')) as Json
  } catch {
    return undefined
  }
}
