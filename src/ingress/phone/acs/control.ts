// What is asked of Azure Communication Services: answering, refusing, ending and handing over calls, by the official SDK, each bounded in time.
import { setImmediate } from 'node:timers/promises'
import type { CallAutomationClient } from '@azure/communication-call-automation'
import type { AcsConfig } from '../../../config/config.js'
import { within } from '../../../time/within.js'

/** Longest wait for one request, with all its repetitions. A caller hears it ring meanwhile. */
const REQUEST_MS = 10_000
const RETRIES = { maxRetries: 2, retryDelayInMs: 300, maxRetryDelayInMs: 1000 }
/** The service's status for a call that is not there. */
const GONE = 404
const E164 = /^\+[1-9]\d{1,14}$/

type Operation = 'answer' | 'reject' | 'hang_up' | 'transfer' | 'start_media' | 'look'

/** Carries no number, no id and nothing of the service's words. */
export class AcsError extends Error {
  override readonly name = 'AcsError'
  constructor(
    readonly operation: Operation,
    /** HTTP status of the answer. Undefined: there was none, or not in time. */
    readonly status: number | undefined,
    readonly why: 'refused' | 'unreachable' | 'timeout' | 'bad_target',
  ) {
    super(status === undefined ? `${operation}: ${why}` : `${operation}: ${why} with status ${status}`)
  }
}

/** Where the service is to send what it tells of a call. */
export interface AnswerAddresses {
  readonly callbackUri: string
  readonly transportUrl: string
}

/** Every method rejects with an `AcsError`, within a bounded time. */
export interface AcsControl {
  /** Resolves to the id of the connection. Media may come before that. */
  answer(incomingCallContext: string, addresses: AnswerAddresses): Promise<string>
  reject(incomingCallContext: string, reason: 'busy' | 'forbidden'): Promise<void>
  /** For everybody who takes part. A call that is gone is hung up. */
  hangUp(connectionId: string): Promise<void>
  /** Resolves once the service has begun; how it went is told by a callback that names `operation`. */
  transfer(connectionId: string, target: string, operation: string): Promise<void>
  /** Asks for the media again, at the address that was named when the call was answered: the request can name no other. */
  startMedia(connectionId: string): Promise<void>
  /** Whether the service knows the call no more. */
  isGone(connectionId: string): Promise<boolean>
  /** Resolves when nothing is under way, nor follows at once: a process that ends before that leaves callers in a silent call. Never rejects. */
  idle(): Promise<void>
}

/** The part of an `@azure/identity` credential that the SDK uses. */
export interface AcsCredential {
  getToken(scopes: string | string[], options?: { abortSignal?: AbortSignal }): Promise<{ token: string; expiresOnTimestamp: number } | null>
}

export interface AcsControlDeps {
  /** Without an access key. Absent: `DefaultAzureCredential`. */
  readonly credential?: AcsCredential | undefined
  readonly requestMs?: number
}

/** `scope` absent: the one that the SDK has for every cloud. */
export type AcsService = Pick<AcsConfig, 'endpoint' | 'accessKey'> & Partial<Pick<AcsConfig, 'scope'>>

/** Loads the SDK at the first call, since a relay without calls needs none of it. */
export function createAcsControl(config: AcsService, { credential, requestMs = REQUEST_MS }: AcsControlDeps = {}): AcsControl {
  let made: Promise<CallAutomationClient> | undefined
  const client = (): Promise<CallAutomationClient> => {
    made ??= createClient(config, credential).catch((error: unknown) => {
      made = undefined
      throw error
    })
    return made
  }

  const underWay = new Set<Promise<unknown>>()

  function ask<T>(operation: Operation, request: (client: CallAutomationClient, abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const asked = askOnce(operation, request)
    const ended = asked.catch(() => undefined).finally(() => underWay.delete(ended))
    underWay.add(ended)
    return asked
  }

  async function askOnce<T>(operation: Operation, request: (client: CallAutomationClient, abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController()
    try {
      // The library waits for its credential and between repetitions without looking at the signal each time.
      return await within(
        requestMs,
        client().then((sdk) => request(sdk, abort.signal)),
        () => {
          throw new AcsError(operation, undefined, 'timeout')
        },
      )
    } catch (error) {
      throw error instanceof AcsError ? error : failureOf(operation, error)
    } finally {
      abort.abort()
    }
  }

  return {
    answer: (context, { callbackUri, transportUrl }) =>
      ask('answer', async (sdk, abortSignal) => {
        const { callConnectionProperties } = await sdk.answerCall(context, callbackUri, { abortSignal, mediaStreamingOptions: mediaAt(transportUrl) })
        const { callConnectionId } = callConnectionProperties
        if (callConnectionId === undefined) throw new AcsError('answer', undefined, 'refused')
        return callConnectionId
      }),
    reject: (context, callRejectReason) => ask('reject', (sdk, abortSignal) => sdk.rejectCall(context, { abortSignal, callRejectReason })),
    hangUp: (id) =>
      ask('hang_up', (sdk, abortSignal) => sdk.getCallConnection(id).hangUp(true, { abortSignal })).catch((error: unknown) => {
        if (!(error instanceof AcsError) || error.status !== GONE) throw error
      }),
    transfer: (id, target, operationContext) =>
      ask('transfer', async (sdk, abortSignal) => {
        await sdk.getCallConnection(id).transferCallToParticipant(participantOf(target), { abortSignal, operationContext })
      }),
    isGone: (id) =>
      ask('look', (sdk, abortSignal) => sdk.getCallConnection(id).getCallConnectionProperties({ abortSignal })).then(
        () => false,
        (error: unknown) => {
          if (error instanceof AcsError && error.status === GONE) return true
          throw error
        },
      ),
    async idle() {
      while (underWay.size > 0) {
        await Promise.all(underWay)
        await setImmediate()
      }
    },
    startMedia: (id) => ask('start_media', (sdk, abortSignal) => sdk.getCallConnection(id).getCallMedia().startMediaStreaming({ abortSignal })),
  }
}

/** One stream with everybody in it, both ways, at the rate of the Realtime API, from the first moment. */
function mediaAt(transportUrl: string) {
  return {
    transportUrl,
    transportType: 'websocket',
    contentType: 'audio',
    audioChannelType: 'mixed',
    audioFormat: 'Pcm24KMono',
    startMediaStreaming: true,
    enableBidirectional: true,
    enableDtmfTones: true,
  } as const
}

/** A number, or a user of the resource or of Teams by raw id. */
function participantOf(target: string) {
  const number = target.replace(/^tel:/i, '')
  if (E164.test(number)) return { phoneNumber: number }
  if (/^8:acs:[\w.:-]{1,200}$/.test(target)) return { communicationUserId: target }
  const teamsUser = /^8:orgid:([\w-]{1,100})$/.exec(target)?.[1]
  if (teamsUser !== undefined) return { microsoftTeamsUserId: teamsUser }
  throw new AcsError('transfer', undefined, 'bad_target')
}

/** What the library throws quotes requests and answers, which name numbers. */
function failureOf(operation: Operation, error: unknown): AcsError {
  const status = typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined
  return new AcsError(operation, status, status === undefined ? 'unreachable' : 'refused')
}

async function createClient({ endpoint, accessKey, scope }: AcsService, credential: AcsCredential | undefined): Promise<CallAutomationClient> {
  const { CallAutomationClient: Client } = await import('@azure/communication-call-automation')
  // The configuration takes plain http on loopback only.
  const options = { allowInsecureConnection: endpoint.protocol === 'http:', retryOptions: RETRIES }
  if (accessKey) return new Client(endpoint.origin, { key: accessKey.reveal() }, options)
  return new Client(endpoint.origin, scoped(credential ?? (await defaultCredential()), scope), options)
}

/** The SDK asks for the public cloud's scope, whatever the endpoint. */
function scoped(credential: AcsCredential, scope: string | undefined): AcsCredential {
  return scope === undefined ? credential : { getToken: (_scopes, options) => credential.getToken(scope, options) }
}

async function defaultCredential(): Promise<AcsCredential> {
  const { DefaultAzureCredential } = await import('@azure/identity')
  return new DefaultAzureCredential()
}
