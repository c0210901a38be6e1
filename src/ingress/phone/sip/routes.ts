// The way in of calls by SIP: a webhook of the model service, proven before it is parsed, taken once, and answered before anything is done.
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { RefusalError } from '../../../core/protocol/errors.js'
import type { PhoneDesk, Ring } from '../../../ports/phone.js'
import { sendRefusal } from '../../refusal-reply.js'
import { PHONE_PATHS } from '../paths.js'
import { readWebhook } from './webhook.js'
import { isProven, readProof, type WebhookHeaders } from './webhook-proof.js'

export const WEBHOOK_RESULTS = ['ring', 'repeated', 'other', 'bad', 'forged', 'full'] as const
export type WebhookResult = (typeof WEBHOOK_RESULTS)[number]

export interface SipRoutesDeps {
  /** Of the webhook's secrets; two while one replaces the other. Empty: nothing is proven. */
  readonly keys: readonly Buffer[]
  readonly isFirst: PhoneDesk['isFirst']
  /** Accepts or rejects the call. Never rejects. */
  readonly take: (ring: Ring) => Promise<void>
  readonly onWebhook: (result: WebhookResult) => void
  /** Whether calls are taken now. While it drains, another instance gets them. */
  readonly isOpen: () => boolean
  readonly log: { info(fields: object, message: string): void }
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Most calls that are being accepted or rejected at once; 200 if absent. */
  readonly most?: number
}

const MAX_BODY_BYTES = 65_536
/** Longer than a call rings, and than a webhook is young enough to be repeated by whoever overheard it. */
const ONCE_MS = 3_600_000
const MOST_AT_ONCE = 200
const RETRY_SECONDS = 2

export function createSipRoutes({ keys, isFirst, take, onWebhook, isOpen, log, now, most = MOST_AT_ONCE }: SipRoutesDeps): (app: FastifyInstance) => void {
  const proofs = new WeakMap<FastifyRequest, WebhookHeaders>()
  let atWork = 0

  function refuse(reply: FastifyReply, result: WebhookResult, refusal: RefusalError): FastifyReply {
    onWebhook(result)
    log.info({ code: refusal.code, why: refusal.why }, 'SIP webhook refused')
    return sendRefusal(reply, refusal)
  }

  /** Without headers that could be a proof no body is read. */
  async function beforeBody(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const proof = readProof(request.raw.headersDistinct, now())
    if (typeof proof === 'string') return refuse(reply, 'forged', new RefusalError('unauthenticated', proof))
    proofs.set(request, proof)
    return undefined
  }

  async function handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const proof = proofs.get(request)
    const rawBody = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    if (!proof || !isProven(proof, rawBody, keys)) return refuse(reply, 'forged', new RefusalError('unauthenticated', 'wrong_signature'))
    const webhook = readWebhook(rawBody)
    if (webhook.type === 'bad') return refuse(reply, 'bad', new RefusalError('bad_request', 'bad_webhook'))
    if (webhook.type === 'other') return done(reply, 'other')
    // Before it is marked as taken: the service sends it again, perhaps to another instance.
    if (!isOpen()) return refuse(reply, 'full', new RefusalError('draining', 'sip_draining'))
    if (atWork >= most) return refuse(reply, 'full', new RefusalError('overloaded', 'sip_full', RETRY_SECONDS))
    atWork++
    const { ring } = webhook
    const isNew = await isUnseen(proof.id, ring.carrierCallId).catch(() => undefined)
    if (!isNew) atWork--
    if (isNew === undefined) throw new RefusalError('internal', 'store_away', RETRY_SECONDS)
    if (!isNew) return done(reply, 'repeated')
    // Not awaited: the service waits for this answer, and the caller hears ringing meanwhile.
    void take(ring).finally(() => atWork--)
    return done(reply, 'ring')
  }

  /** Of the two the call decides: the same call must not be taken twice, whatever announces it. */
  async function isUnseen(webhookId: string, callId: string): Promise<boolean> {
    return (await isFirst(keyOf('webhook', webhookId), ONCE_MS)) && (await isFirst(keyOf('call', callId), ONCE_MS))
  }

  function done(reply: FastifyReply, result: WebhookResult): FastifyReply {
    onWebhook(result)
    return reply.code(200).header('cache-control', 'no-store').send('')
  }

  return (app) => {
    app.register(async (own) => {
      // The proof is over the bytes as they came, so nothing parses them here.
      own.removeAllContentTypeParsers()
      own.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES }, (_request, body, next) => next(null, body))
      own.post(PHONE_PATHS.sipWebhook, { onRequest: beforeBody, bodyLimit: MAX_BODY_BYTES }, handle)
    })
  }
}

/** The store keeps no carrier's id. */
function keyOf(kind: string, id: string): string {
  return `sip:${kind}:${createHash('sha256').update(id).digest('hex').slice(0, 32)}`
}
