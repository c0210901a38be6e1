// Twilio's way in: its webhook gets TwiML, its media socket a call, and its question what next an answer. Nothing is believed before its signature.
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TelephonyConfig } from '../../../config/telephony-config.js'
import { mayTryAgain, type RefusalCode, RefusalError } from '../../../core/protocol/errors.js'
import type { CallTickets } from '../../../ports/call-records.js'
import type { Link } from '../../../ports/link.js'
import type { AnsweredPhoneCall, PhoneDesk, Ring } from '../../../ports/phone.js'
import { within } from '../../../time/within.js'
import type { PhoneDoor, PhoneRoutes } from '../door.js'
import { PHONE_PATHS } from '../paths.js'
import { createAnswers } from './answers.js'
import { createTwilioCalls, type TwilioCall } from './calls.js'
import { carrierCallId, readCall, readForm, type TwilioForm } from './form.js'
import { createTwilioFraming, type StreamStart } from './framing.js'
import { createParcels } from './parcels.js'
import { isSignedByTwilio } from './signature.js'
import { connectStream, dial, hangUp, reject, type StreamAddress, sayAndHangUp } from './twiml.js'
import { createWaiting } from './waiting.js'

export interface TwilioRoutesDeps {
  readonly desk: PhoneDesk
  readonly config: NonNullable<TelephonyConfig['twilio']>
  readonly publicUrl: URL
  /** Said if the media are lost for good. Absent: nothing is. */
  readonly lostLine?: string | undefined
  /** Shared by all instances, or of this process alone. */
  readonly tickets: CallTickets
  /** Longest session, in milliseconds. */
  readonly maxCallMs: number
  readonly log: { info(fields: object, message: string): void; error(fields: object, message: string): void }
}

const FORM_TYPE = 'application/x-www-form-urlencoded'
const MAX_BODY_BYTES = 16_384
/** Twilio waits fifteen seconds for an answer. */
const ANSWER_MS = 10_000
/** As long as somebody might repeat what Twilio once signed, since a signature has no time in it. */
const SEEN_MS = 24 * 3_600_000
/** How long an answer given elsewhere is waited for. */
const ELSEWHERE_MS = 4000
const ELSEWHERE_POLL_MS = 250
const LIVE = new Set(['in-progress', 'ringing', 'queued'])

export function createTwilioRoutes(deps: TwilioRoutesDeps): PhoneRoutes {
  const { desk, log, publicUrl, lostLine } = deps
  const authTokens = deps.config.authTokens.map((token) => token.reveal())
  const parcels = createParcels(deps.tickets, authTokens, deps.maxCallMs)
  const calls = createTwilioCalls(parcels)
  const voiceAnswers = createAnswers()
  const afterAnswers = createAnswers()
  const address: StreamAddress = {
    media: new URL(PHONE_PATHS.twilioMedia, `${publicUrl.protocol === 'https:' ? 'wss' : 'ws'}://${publicUrl.host}`).href,
    after: new URL(PHONE_PATHS.twilioAfter, publicUrl).href,
  }

  return (server, door) => {
    const waiting = createWaiting((why) => log.info({ carrier: 'twilio', why }, 'media socket refused'))
    server.register(async (app) => registerForms(app, door))
    server.addHook('preClose', async () => waiting.close())
    server.addHook('onClose', async () => calls.close())
    door.media(
      PHONE_PATHS.twilioMedia,
      (request) => {
        if (!isSigned(request, true)) throw new RefusalError('forbidden', 'bad_signature')
      },
      (link, _passed, socket) => waiting.add(link, socket, (start, own) => attach(start, own, socket)),
    )
  }

  function registerForms(app: FastifyInstance, door: PhoneDoor): void {
    app.removeAllContentTypeParsers()
    // The signature is over the form, so it is read first, though not before its length and the presence of a signature are known.
    app.addContentTypeParser(FORM_TYPE, { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES }, (_request, body, done) => done(null, body))
    const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
      if (request.headers['x-twilio-signature'] !== undefined) return
      return door.refuse(new RefusalError('forbidden', 'no_signature'), request, reply)
    }
    const answer = (twimlFor: (form: TwilioForm, request: FastifyRequest) => Promise<string>) => async (request: FastifyRequest, reply: FastifyReply) => {
      const form = signedForm(request)
      if (form instanceof RefusalError) return door.refuse(form, request, reply)
      // The server's own limit for a silent socket may be shorter than an answer takes.
      request.raw.socket.setTimeout(ANSWER_MS + ELSEWHERE_MS)
      reply.header('cache-control', 'no-store').type('text/xml; charset=utf-8')
      return await twimlFor(form, request)
    }
    app.post(
      PHONE_PATHS.twilioVoice,
      { onRequest },
      answer((form) => voiceAnswers.once(form.ring.carrierCallId, () => answerVoice(form))),
    )
    app.post(
      PHONE_PATHS.twilioAfter,
      { onRequest },
      answer((form, request) => afterAnswers.once(attemptOf(request, form), () => answerAfter(form))),
    )
  }

  function isSigned(request: FastifyRequest, isUpgrade: boolean, fields: Parameters<typeof isSignedByTwilio>[3] = []): boolean {
    return isSignedByTwilio(request.raw.headersDistinct['x-twilio-signature'], authTokens, { publicUrl, isUpgrade, target: request.raw.url ?? '' }, fields)
  }

  function signedForm(request: FastifyRequest): TwilioForm | RefusalError {
    const fields = Buffer.isBuffer(request.body) ? readForm(request.body) : undefined
    if (!fields || !isSigned(request, false, fields)) return new RefusalError('forbidden', 'bad_signature')
    const form = readCall(fields)
    if (!form) return new RefusalError('bad_request', 'bad_form')
    const { accountSid } = deps.config
    return accountSid === undefined || form.accountSid === accountSid ? form : new RefusalError('forbidden', 'foreign_account')
  }

  async function answerVoice(form: TwilioForm): Promise<string> {
    if (!form.isInbound) return hangUp()
    const id = form.ring.carrierCallId
    if (!(await desk.isFirst(`twilio:${id}`, SEEN_MS))) return (await answerGivenElsewhere(id)) ?? reject('busy')
    let twiml: string
    try {
      twiml = await connect(form.ring, false)
      await parcels.keepNext(id, { type: 'again' })
    } catch (error) {
      twiml = reject(mayTryAgain(codeOf(error)) ? 'busy' : 'rejected')
    }
    await parcels.keepAnswer(id, twiml)
    return twiml
  }

  async function answerGivenElsewhere(id: string): Promise<string | undefined> {
    const end = performance.now() + ELSEWHERE_MS
    do {
      const twiml = await parcels.takeAnswer(id)
      if (twiml !== undefined) {
        await parcels.keepAnswer(id, twiml)
        return twiml
      }
      await new Promise((resolve) => setTimeout(resolve, ELSEWHERE_POLL_MS))
    } while (performance.now() < end)
    return undefined
  }

  /** Opens a session for the call, so that its upstream is there when the media are. `moved`: it had one elsewhere. */
  async function connect(ring: Ring, moved: boolean): Promise<string> {
    const id = ring.carrierCallId
    const here = calls.add(id)
    try {
      const opening = desk.answer(ring, here.line, here.framing, moved)
      const answered = await within(ANSWER_MS, opening, () => {
        opening.then(
          (late) => late.over(),
          () => undefined,
        )
        throw new RefusalError('overloaded', 'phone_answer_timeout')
      })
      here.answered = answered
      return await streamTo(answered, ring)
    } catch (error) {
      here.answered?.over()
      calls.remove(id)
      throw error
    }
  }

  async function streamTo(answered: AnsweredPhoneCall, ring: Ring): Promise<string> {
    return connectStream(address, await desk.ticketFor(answered, ring))
  }

  async function attach({ callSid, accountSid, streamSid, ticket }: StreamStart, link: Link, socket: Socket): Promise<boolean> {
    const id = carrierCallId({ accountSid, callSid })
    const redeemed = await desk.redeem(ticket, (ring) => calls.add(ring.carrierCallId))
    if (!redeemed) return false
    const { ring, call } = redeemed
    const here = calls.find(id)
    if (ring.carrier !== 'twilio' || ring.carrierCallId !== id || !here) {
      // Its ticket is used up, so its own caller will not come.
      call.over()
      return false
    }
    here.answered = call
    if (!call.attach(link, { framing: createTwilioFraming(streamSid) })) return false
    here.opened(link, socket)
    return true
  }

  async function answerAfter(form: TwilioForm): Promise<string> {
    const id = form.ring.carrierCallId
    const here = calls.find(id)
    const next = await parcels.takeNext(id)
    here?.cut()
    if (!LIVE.has(form.status)) {
      here?.answered?.over()
      return hangUp()
    }
    if (next?.type === 'transfer') {
      if (here) here.transferred()
      else await parcels.sayTransferred(id)
      return dial(next.target)
    }
    if (here?.isHungUp) return hangUp()
    if (next) return await again(form.ring, here)
    // Nobody ended the call, and its second media socket is gone.
    return here ? sayAndHangUp(lostLine) : hangUp()
  }

  /** The media socket was lost, and nobody here had ended the call. With the instance that had it, if it is this one, the conversation goes on. */
  async function again(ring: Ring, here: TwilioCall | undefined): Promise<string> {
    log.info({ carrier: 'twilio', sessionId: here?.answered?.sessionId }, 'media socket lost: asked for another')
    try {
      return here?.answered ? await streamTo(here.answered, ring) : await connect(ring, true)
    } catch (error) {
      codeOf(error)
      return sayAndHangUp(lostLine)
    }
  }

  function codeOf(error: unknown): RefusalCode {
    if (!(error instanceof RefusalError)) log.error({ carrier: 'twilio', err: error }, 'call not answered')
    return error instanceof RefusalError ? error.code : 'internal'
  }
}

/** Twilio names each of its questions, and repeats the name when it repeats the question. */
function attemptOf(request: FastifyRequest, { ring }: TwilioForm): string | undefined {
  const token = request.headers['i-twilio-idempotency-token']
  return typeof token === 'string' && token.length <= 128 ? `${ring.carrierCallId} ${token}` : undefined
}
