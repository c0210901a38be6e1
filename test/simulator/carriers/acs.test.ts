// The simulated ACS against Microsoft's own code: its requests are taken, its events and frames are read, and wrong signatures are refused.
import { once } from 'node:events'
import { CallAutomationClient, parseCallAutomationEvent, StreamingData } from '@azure/communication-call-automation'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { createAcs, type SimulatedAcs } from '../../../src/simulator/carriers/acs.js'
import { callbackEvent, failure, streaming } from '../../../src/simulator/carriers/acs-events.js'
import { readFrame } from '../../../src/simulator/carriers/acs-media.js'

const KEY = Buffer.from('a key of the simulated resource, long enough').toString('base64')
const NAMES = { connectionId: 'cc-1', serverCallId: 'server-1', correlationId: 'co-1', context: 'ctx' }
let acs: SimulatedAcs
let server: WebSocketServer

/** A relay that is nothing but a media socket; what is posted to it goes nowhere. */
beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  acs = await createAcs({ relayUrl: `http://127.0.0.1:${(server.address() as { port: number }).port}`, resourceId: 'r', accessKey: KEY })
})
afterEach(async () => {
  await acs.close()
  server.close()
  for (const client of server.clients) client.terminate()
})
const client = (key = KEY) => new CallAutomationClient(acs.endpoint, { key }, { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } })
const MEDIA = {
  transportUrl: 'wss://relay.example/media/one?x=1',
  transportType: 'websocket',
  contentType: 'audio',
  audioChannelType: 'mixed',
  audioFormat: 'Pcm24KMono',
  startMediaStreaming: true,
  enableBidirectional: true,
  enableDtmfTones: true,
} as const

async function connected() {
  const { call } = acs.prepare({ from: '+14255550100', to: '+14255550199' })
  const dialled = once(server, 'connection') as Promise<[WebSocket, { url: string; headers: Record<string, string> }]>
  const { callConnectionProperties } = await client().answerCall(call.names.context, 'https://relay.example/callbacks/1', { mediaStreamingOptions: MEDIA })
  const [socket, request] = await dialled
  return { call, socket, request, id: callConnectionProperties.callConnectionId ?? '', properties: callConnectionProperties }
}

describe('requests of the SDK', () => {
  it('answer, and the media socket comes to the path that was named', async () => {
    const { call, request, id, properties } = await connected()
    expect(id).toBe(call.names.connectionId)
    expect(properties.serverCallId).toBe(call.names.serverCallId)
    expect(request.url).toBe('/media/one?x=1')
    expect(request.headers).toMatchObject({
      'x-ms-call-connection-id': id,
      'x-ms-call-correlation-id': call.names.correlationId,
      authorization: expect.stringMatching(/^Bearer eyJ/),
    })
    await call.connected
  })

  it('reject, hang up, transfer and ask for media again', async () => {
    const refused = acs.prepare({ from: undefined, to: '+14255550199' }).call
    await client().rejectCall(refused.names.context, { callRejectReason: 'busy' })
    await expect(refused.connected).rejects.toThrow('busy')
    const { call, socket, id } = await connected()
    await call.connected
    const again = once(server, 'connection')
    socket.close()
    await once(socket, 'close')
    await client().getCallConnection(id).getCallMedia().startMediaStreaming()
    await again
    await client().getCallConnection(id).transferCallToParticipant({ phoneNumber: '+14255550123' })
    expect(await call.ended).toEqual({ by: 'relay', transferredTo: '+14255550123' })
    const other = await connected()
    await client().getCallConnection(other.id).hangUp(true)
    expect(await other.call.ended).toEqual({ by: 'relay' })
    expect(acs.seen.map(({ operation, status }) => [operation, status])).toEqual([
      ['reject', 204],
      ['answer', 200],
      ['startMediaStreaming', 202],
      ['transfer', 202],
      ['answer', 200],
      ['terminate', 204],
    ])
  })

  it('with another key are refused', async () => {
    const { call } = acs.prepare({ from: undefined, to: '+14255550199' })
    await expect(client(Buffer.from('another key').toString('base64')).answerCall(call.names.context, 'https://relay.example/c')).rejects.toMatchObject({ statusCode: 401 })
  })

  it('of nobody are refused', async () => {
    const response = await fetch(`${acs.endpoint}/calling/callConnections:answer?api-version=2026-03-12`, { method: 'POST', body: '{}' })
    expect(response.status).toBe(401)
  })

  it('for a call that is over find none', async () => {
    const { call } = acs.prepare({ from: undefined, to: '+14255550199' })
    await call.hangUp()
    await expect(client().answerCall(call.names.context, 'https://relay.example/c', { mediaStreamingOptions: MEDIA })).rejects.toMatchObject({ statusCode: 404 })
  })
})

describe('callbacks', () => {
  it.each([
    ['CallConnected', { operationContext: 'op' }],
    ['ParticipantsUpdated', { sequenceNumber: 1, participants: [] }],
    ['MediaStreamingStarted', streaming('Started')],
    ['MediaStreamingStopped', streaming('Stopped')],
    ['MediaStreamingFailed', failure(400, 8581, 'Action failed.')],
    ['CallTransferAccepted', { operationContext: 'op', ...failure(200, 0, '') }],
    ['CallTransferFailed', { operationContext: 'op', ...failure(403, 1, '') }],
    ['CallDisconnected', {}],
    ['AnswerFailed', failure(404, 1, '')],
  ])('%s is read by the SDK', (kind, more) => {
    expect(parseCallAutomationEvent(JSON.stringify([callbackEvent(kind, NAMES, more)]))).toMatchObject({ kind, callConnectionId: 'cc-1', ...more })
  })
})

describe('media', () => {
  it('begin with their format, flow every 20 ms, and are read by the SDK', async () => {
    const { call, socket } = await connected()
    const frames: unknown[] = []
    socket.on('message', (data) => frames.push(StreamingData.parse(String(data))))
    const said = Buffer.alloc(9600, 7)
    await call.connected
    await call.say(said)
    call.press('5')
    await expect.poll(() => frames.at(-1)).toBeDefined()
    await expect.poll(() => frames.some((frame) => JSON.stringify(frame) === '{"data":"5"}')).toBe(true)
    const audio = frames.filter((frame): frame is { data: string; isSilent: boolean } => typeof frame === 'object' && frame !== null && 'isSilent' in frame)
    expect(audio.every(({ data }) => data.length === 1280)).toBe(true)
    const loud = audio.filter(({ isSilent }) => !isSilent)
    expect(Buffer.concat(loud.map(({ data }) => Buffer.from(data, 'base64'))).equals(said)).toBe(true)
  })

  it.each([
    ['Python', { Kind: 'AudioData', AudioData: { Data: 'AAAB' }, StopAudio: null }, { Kind: 'StopAudio', AudioData: null, StopAudio: {} }],
    ['Semantic Kernel', { kind: 'AudioData', audioData: { data: 'AAAB' } }, { kind: 'StopAudio', stopAudio: {} }],
    ['JavaScript', { kind: 'audioData', audioData: { data: 'AAAB', isSilent: false }, stopAudio: {} }, { kind: 'stopAudio', stopAudio: {} }],
  ])('are played and stopped in the spelling of %s', (_name, audio, stop) => {
    expect(readFrame(JSON.stringify(audio))).toEqual(Buffer.from([0, 0, 1]))
    expect(readFrame(JSON.stringify(stop))).toBe('stop')
  })

  it('wait to be played until they are stopped', async () => {
    const { call, socket } = await connected()
    await call.connected
    socket.send(JSON.stringify({ kind: 'AudioData', audioData: { data: Buffer.alloc(480_000, 3).toString('base64') } }))
    await expect.poll(() => call.queuedMs).toBeGreaterThan(5000)
    socket.send(JSON.stringify({ Kind: 'StopAudio', AudioData: null, StopAudio: {} }))
    await expect.poll(() => call.clearedAt.length).toBe(1)
    expect(call.queuedMs).toBe(0)
    expect(call.heard().includes(Buffer.alloc(4, 3))).toBe(true)
  })
})

describe('a ring that is refused', () => {
  it('says with what status', async () => {
    const call = await acs.ring({ from: '+14255550100', to: '+14255550199' })
    await expect(call.connected).rejects.toThrow('status 426')
  })
})
