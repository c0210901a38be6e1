// One call of the simulated ACS, from its ring to its end: what is asked of it by REST, its media, its callbacks, what the caller hears.
import { type CallNames, failure, streaming } from './acs-events.js'
import { MediaRefused, type MediaSocket, openMedia } from './acs-media.js'
import { problem, type RestAnswer, type RestRequest } from './acs-rest.js'
import { createCallerAudio } from './caller-audio.js'
import type { CarrierCall } from './carrier.js'
import { createHeard } from './heard.js'

export interface AcsCallOptions {
  /** Milliseconds between the media socket and the answer to the request that asked for it. Above zero: media come first. */
  readonly answerAfterMs?: number
  readonly transfers?: 'accepted' | 'failed'
  /** Dials this path instead of the one it was told, as if something stood between it and the relay. */
  readonly mediaPath?: string
  /** False: it does not dial the media socket, and whoever has its address may. */
  readonly dials?: boolean
  /** False: what is heard is played and counted, and not kept. */
  readonly keep?: boolean
  readonly ringMs?: number
}

export interface AcsCallSetup extends AcsCallOptions {
  readonly names: CallNames
  /** The address at which the relay is reached, for one it named. */
  readonly reach: (address: string) => string
  readonly mediaToken: () => string
  readonly callBack: (address: string, kind: string, more?: object) => Promise<void>
  readonly onOver: () => void
}

export interface AcsCall extends CarrierCall {
  readonly names: CallNames
  /** As the relay named them when it answered. */
  readonly addresses: { readonly transportUrl: string; readonly callbackUri: string } | undefined
  /** How often its media socket was opened. */
  readonly sockets: number
  readonly rejectedAs: string | undefined
  perform(request: RestRequest): Promise<RestAnswer>
  /** The ring did not reach the relay. */
  fail(why: string): void
}

interface Streaming {
  readonly transportUrl: string
  readonly callbackUri: string
  readonly bothWays: boolean
  readonly keys: boolean
}

const RING_MS = 30_000
const ACCEPT_AFTER_MS = 20

export function createAcsCall(setup: AcsCallSetup): AcsCall {
  const { names, answerAfterMs = 0, transfers = 'accepted', dials = true } = setup
  const heard = createHeard({ bytesPerMs: 48, silence: 0, keep: setup.keep ?? true })
  const audio = createCallerAudio((frame) => media?.sendAudio(frame))
  let phase: 'ringing' | 'answered' | 'over' = 'ringing'
  let wanted: Streaming | undefined
  let media: MediaSocket | undefined
  let sockets = 0
  let rejectedAs: string | undefined
  const connected = settleable<void>()
  const ended = settleable<Awaited<CarrierCall['ended']>>()
  const ringing = setTimeout(() => end('caller', 'nobody answered'), setup.ringMs ?? RING_MS)

  const tell = (kind: string, more?: object) => (wanted ? setup.callBack(wanted.callbackUri, kind, more) : Promise.resolve())

  function end(by: 'caller' | 'relay', why: string, transferredTo?: string): void {
    if (phase === 'over') return
    const wasAnswered = phase === 'answered'
    phase = 'over'
    clearTimeout(ringing)
    audio.stop()
    heard.stop()
    media?.close()
    media = undefined
    connected.reject(new Error(`not connected: ${why}`))
    ended.resolve({ by, ...(transferredTo === undefined ? {} : { transferredTo }) })
    setup.onOver()
    if (wasAnswered) void tell('CallDisconnected')
  }

  async function openStream(): Promise<void> {
    if (!wanted) return
    const headers = { authorization: `Bearer ${setup.mediaToken()}`, 'x-ms-call-connection-id': names.connectionId, 'x-ms-call-correlation-id': names.correlationId }
    try {
      const opened = await openMedia({
        url: setup.reach(setup.mediaPath === undefined ? wanted.transportUrl : new URL(setup.mediaPath, wanted.transportUrl).href),
        headers,
        heard,
        bothWays: wanted.bothWays,
        onClose: () => closed(opened),
      })
      if ((phase as string) === 'over') return opened.close()
      media = opened
      sockets++
      heard.start()
      audio.start()
      connected.resolve()
      void tell('MediaStreamingStarted', streaming('Started'))
    } catch (error) {
      const status = error instanceof MediaRefused ? error.message : 'failed'
      connected.reject(new Error(status))
      void tell('MediaStreamingFailed', failure(400, 8581, 'Action failed, Transport url is not valid or web socket server is not operational.'))
    }
  }
  function closed(socket: MediaSocket): void {
    if (media === socket) media = undefined
  }

  async function answer(body: RestRequest['body']): Promise<RestAnswer> {
    const options = (body.mediaStreamingOptions ?? {}) as Readonly<Record<string, unknown>>
    const { transportUrl, audioFormat, startMediaStreaming = false } = options
    if (typeof transportUrl !== 'string' || typeof body.callbackUri !== 'string') return { status: 400, body: problem('BadRequest', 'No transportUrl, or no callbackUri.') }
    if (audioFormat !== 'Pcm24KMono') return { status: 400, body: problem('BadRequest', 'The simulator speaks Pcm24KMono only.') }
    wanted = { transportUrl, callbackUri: body.callbackUri, bothWays: options.enableBidirectional === true, keys: options.enableDtmfTones === true }
    phase = 'answered'
    clearTimeout(ringing)
    const begin = () => {
      if (startMediaStreaming === true && dials) void openStream()
      void tell('CallConnected', { operationContext: body.operationContext })
      void tell('ParticipantsUpdated', { sequenceNumber: 1, participants: [] })
    }
    if (answerAfterMs === 0) return { status: 200, body: properties(), after: begin }
    begin()
    await new Promise((resolve) => setTimeout(resolve, answerAfterMs))
    return { status: 200, body: properties() }
  }

  function properties(): object {
    const { connectionId: callConnectionId, serverCallId, correlationId } = names
    return { callConnectionId, serverCallId, correlationId, callConnectionState: 'connecting', callbackUri: wanted?.callbackUri, targets: [] }
  }

  function transfer(body: RestRequest['body']): RestAnswer {
    const target = body.targetParticipant as { readonly rawId?: string; readonly phoneNumber?: { readonly value?: string } } | undefined
    const to = target?.phoneNumber?.value ?? target?.rawId
    if (to === undefined) return { status: 400, body: problem('BadRequest', 'No target.') }
    const { operationContext } = body
    const finish = () => {
      if (phase === 'over') return
      if (transfers === 'failed') return void tell('CallTransferFailed', { operationContext, ...failure(403, 10_000, 'Refused.') })
      void tell('CallTransferAccepted', { operationContext, ...failure(200, 0, '') })
      end('relay', 'transferred', to)
    }
    return { status: 202, body: { operationContext }, after: () => void setTimeout(finish, ACCEPT_AFTER_MS) }
  }

  return {
    names,
    connected: connected.promise,
    ended: ended.promise,
    say: (sound) => audio.say(sound),
    press(key) {
      if (wanted?.keys) media?.sendKey(key)
    },
    async hangUp() {
      end('caller', 'the caller hung up')
    },
    loseMedia() {
      media?.destroy()
      media = undefined
    },
    heard: () => heard.heard(),
    get queuedMs() {
      return heard.queuedMs
    },
    get clearedAt() {
      return heard.clears.map(({ at }) => at)
    },
    get addresses() {
      return wanted
    },
    get sockets() {
      return sockets
    },
    get rejectedAs() {
      return rejectedAs
    },
    fail: (why) => end('relay', why),

    async perform({ operation, body }) {
      const isForRinging = operation === 'answer' || operation === 'reject' || operation === 'redirect'
      if (phase !== (isForRinging ? 'ringing' : 'answered')) return { status: 404, body: problem('NotFound', 'The call is not there any more.') }
      switch (operation) {
        case 'answer':
          return answer(body)
        case 'reject':
          rejectedAs = String(body.callRejectReason ?? 'none')
          return { status: 204, after: () => end('relay', `the relay refused the call as ${rejectedAs}`) }
        case 'redirect':
          return { status: 204, after: () => end('relay', 'the relay sent the call elsewhere') }
        case 'terminate':
        case 'leave':
          return { status: 204, after: () => end('relay', 'the relay hung up') }
        case 'transfer':
          return transfer(body)
        case 'startMediaStreaming':
          return media ? { status: 400, body: problem('BadRequest', 'Media flow already.') } : { status: 202, after: () => void openStream() }
        case 'stopMediaStreaming':
          return { status: 202, after: () => media?.close() }
        case 'properties':
          return { status: 200, body: properties() }
      }
    },
  }
}

function settleable<T>() {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<T>((done, failed) => {
    resolve = done
    reject = failed
  })
  // Whoever looks at it is told; nobody has to look.
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}
