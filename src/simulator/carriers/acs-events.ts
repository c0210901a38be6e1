// What the simulated ACS tells a relay: rings in both schemas of Event Grid, its handshake, and callbacks as CloudEvents.
import { randomUUID } from 'node:crypto'
import type { RingOptions } from './carrier.js'

export type GridSchema = 'event-grid' | 'cloud-events'

export interface RingNames {
  readonly serverCallId: string
  readonly correlationId: string
  /** Opaque and long: what a call is answered by. */
  readonly context: string
}

export interface CallNames extends RingNames {
  readonly connectionId: string
}

const SOURCE = '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/simulated/providers/Microsoft.Communication/communicationServices/simulated'

/** A telephone number, or any other user. Without one: a caller who withholds the number. */
function partyOf(address: string | undefined): object {
  if (address === undefined) return { kind: 'unknown', rawId: '4:anonymous' }
  if (address.startsWith('+')) return { kind: 'phoneNumber', rawId: `4:${address}`, phoneNumber: { value: address } }
  return { kind: 'communicationUser', rawId: address, communicationUser: { id: address } }
}

export function incomingCall({ from, to, headers }: RingOptions, names: RingNames, schema: GridSchema, at: Date): object {
  const data = {
    to: partyOf(to),
    from: partyOf(from),
    serverCallId: names.serverCallId,
    callerDisplayName: '',
    ...(headers ? { customContext: { sipHeaders: headers, voipHeaders: {} } } : {}),
    incomingCallContext: names.context,
    correlationId: names.correlationId,
  }
  return inSchema(schema, 'Microsoft.Communication.IncomingCall', data, at, `/caller/${from ?? 'unknown'}/recipient/${to}`)
}

/** The handshake of a subscription in Event Grid's own schema. */
export function validationRequest(code: string, at: Date): object {
  const data = { validationCode: code, validationUrl: 'https://rp-simulated.eventgrid.azure.net/eventsubscriptions/simulated/validate' }
  return inSchema('event-grid', 'Microsoft.EventGrid.SubscriptionValidationEvent', data, at, '')
}

function inSchema(schema: GridSchema, type: string, data: object, at: Date, subject: string): object {
  const id = randomUUID()
  if (schema === 'cloud-events') return { id, source: SOURCE, specversion: '1.0', type, subject, time: at.toISOString(), data }
  return { id, topic: SOURCE, subject, data, eventType: type, dataVersion: '1.0', metadataVersion: '1', eventTime: at.toISOString() }
}

/** One event of a call, `kind` without its prefix. */
export function callbackEvent(kind: string, names: CallNames, more: object = {}): object {
  return {
    id: randomUUID(),
    source: `calling/callConnections/${names.connectionId}`,
    type: `Microsoft.Communication.${kind}`,
    specversion: '1.0',
    datacontenttype: 'application/json',
    time: new Date().toISOString(),
    data: { callConnectionId: names.connectionId, serverCallId: names.serverCallId, correlationId: names.correlationId, ...more },
  }
}

export const streaming = (status: 'Started' | 'Stopped') => ({
  mediaStreamingUpdate: {
    contentType: 'Audio',
    mediaStreamingStatus: `mediaStreaming${status}`,
    mediaStreamingStatusDetails: status === 'Started' ? 'subscriptionStarted' : 'subscriptionStopped',
  },
})

export const failure = (code: number, subCode: number, message: string) => ({ resultInformation: { code, subCode, message } })
