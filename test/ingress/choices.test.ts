// Decisions that need only the upgrade request: dialect, subprotocol, origin, handshake and canonical path.
import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { RefusalError } from '../../src/core/protocol/errors.js'
import { chooseDialect } from '../../src/ingress/dialect-choice.js'
import { checkIntent, readHandshake } from '../../src/ingress/handshake.js'
import { checkOrigin, corsHeaders, preflightHeaders } from '../../src/ingress/origin.js'
import { canonicalPath, queryOf } from '../../src/ingress/paths.js'
import { chooseSubprotocol, offeredSubprotocols } from '../../src/ingress/subprotocol.js'

function codeOf(run: () => unknown): string {
  try {
    return String(run())
  } catch (error) {
    if (error instanceof RefusalError) return error.code
    throw error
  }
}

describe('chooseDialect', () => {
  it.each<[string, string, { beta?: string[]; offered?: string[]; otherwise?: 'ga' | 'preview' }, string]>([
    ['SDK path', '/v1/realtime?model=m', {}, 'ga'],
    ['Azure GA path', '/openai/v1/realtime', {}, 'ga'],
    ['Azure preview path', '/openai/realtime', {}, 'preview'],
    ['Azure preview path, odd spelling', '//OpenAI//Realtime/', {}, 'preview'],
    ['beta header beats a GA path', '/v1/realtime', { beta: ['realtime=v1'] }, 'preview'],
    ['beta header in a list', '/v1/realtime', { beta: ['assistants=v2, Realtime=V1'] }, 'preview'],
    ['another beta', '/v1/realtime', { beta: ['assistants=v2'] }, 'ga'],
    ['beta subprotocol beats a GA path', '/openai/v1/realtime', { offered: ['realtime', 'openai-beta.realtime-v1'] }, 'preview'],
    ['GA path beats api-version', '/openai/v1/realtime?api-version=2024-10-01-preview', {}, 'ga'],
    ['GA path beats ?dialect=', '/v1/realtime?dialect=preview', {}, 'ga'],
    ['api-version', '/realtime?api-version=2024-10-01-preview', {}, 'preview'],
    ['deployment', '/realtime?deployment=x', {}, 'preview'],
    ['deployment beats ?dialect=', '/realtime?deployment=x&dialect=ga', {}, 'preview'],
    ['?dialect=preview', '/realtime?dialect=preview', {}, 'preview'],
    ['?dialect=ga beats the default', '/realtime?dialect=ga', { otherwise: 'preview' }, 'ga'],
    ['unknown ?dialect=', '/realtime?dialect=xyz', {}, 'bad_request'],
    ['default', '/realtime', {}, 'ga'],
    ['other default', '/realtime', { otherwise: 'preview' }, 'preview'],
  ])('%s', (_name, target, { beta, offered = [], otherwise = 'ga' }, expected) => {
    expect(codeOf(() => chooseDialect({ target, query: queryOf(target), betaHeader: beta, offered }, otherwise))).toBe(expected)
  })
})

describe('subprotocols', () => {
  const SECRET = 'openai-insecure-api-key.a.b.c'
  it.each<[string[], string]>([
    [[], 'undefined'],
    [['realtime'], 'realtime'],
    [['realtime', SECRET], 'realtime'],
    [[SECRET, 'realtime'], 'realtime'],
    [[SECRET, 'openai-beta.realtime-v1', 'realtime'], 'realtime'],
    [[SECRET, 'openai-beta.realtime-v1'], 'openai-beta.realtime-v1'],
    [['other'], 'subprotocol_required'],
    [['Realtime'], 'subprotocol_required'],
    [['other', SECRET], 'subprotocol_required'],
    [['other', 'realtime'], 'realtime'],
    [['openai-beta.realtime-v1'], 'openai-beta.realtime-v1'],
    [[SECRET], 'subprotocol_required'],
    [['OpenAI-Insecure-API-Key.a.b.c'], 'subprotocol_required'],
  ])('%j → %s', (offered, expected) => {
    expect(codeOf(() => chooseSubprotocol(offered))).toBe(expected)
  })

  it.each([['a,,b'], [''], ['a, a'], ['a b'], ['a,"b"'], ['a;b'], ['é']])('refuses the header %j', (header) => {
    expect(codeOf(() => offeredSubprotocols([header]))).toBe('bad_request')
  })
  it('reads a header that was sent twice', () => {
    expect(offeredSubprotocols(['a, b', 'c'])).toEqual(['a', 'b', 'c'])
  })
})

describe('origin', () => {
  const allowed = ['https://app.example', 'http://localhost:3000']
  it.each<[string, string[] | undefined, readonly string[] | undefined, string]>([
    ['none', undefined, allowed, 'undefined'],
    ['none, no list', undefined, undefined, 'undefined'],
    ['listed', ['https://app.example'], allowed, 'undefined'],
    ['listed with port', ['http://localhost:3000'], allowed, 'undefined'],
    ['no list', ['https://app.example'], undefined, 'forbidden'],
    ['empty list', ['https://app.example'], [], 'forbidden'],
    ['the relay’s own', ['http://127.0.0.1:8080'], undefined, 'undefined'],
    ['the relay’s own, beside a list', ['http://127.0.0.1:8080'], allowed, 'undefined'],
    ['another port of the relay’s host', ['http://127.0.0.1:3000'], allowed, 'forbidden'],
    ...[
      'null',
      '',
      'https://app.example.evil.com',
      'https://evil.com/https://app.example',
      'https://app.example:8443',
      'http://app.example',
      'https://user@app.example',
      'https://App.example',
      'https://app.example/',
      'https://аpp.example',
      'https://app.example, https://app.example',
    ].map((origin): [string, string[], readonly string[], string] => [origin, [origin], allowed, 'forbidden']),
    ['twice', ['https://app.example', 'https://app.example'], allowed, 'bad_request'],
  ])('%s', (_name, header, list, expected) => {
    expect(codeOf(() => checkOrigin(header, list, () => ['http://127.0.0.1:8080']))).toBe(expected)
  })

  it('gives CORS headers to a listed origin only', () => {
    expect(corsHeaders(['https://app.example'], allowed)?.['access-control-allow-origin']).toBe('https://app.example')
    expect(corsHeaders(['https://evil.example'], allowed)).toBeUndefined()
    expect(corsHeaders(['null'], allowed)).toBeUndefined()
    expect(corsHeaders(undefined, allowed)).toBeUndefined()
    const names = preflightHeaders('authorization,x-stainless-lang, X-Stainless-OS,x-evil\r\nset-cookie,x-stainless-a b')['access-control-allow-headers']
    expect(names).toBe('authorization, api-key, content-type, x-openai-agents-sdk, x-ms-client-request-id, x-stainless-lang, x-stainless-os')
  })
})

describe('readHandshake', () => {
  const good = { upgrade: ['websocket'], 'sec-websocket-key': ['AAAAAAAAAAAAAAAAAAAAAA=='], 'sec-websocket-version': ['13'] }
  const request = (headers: Record<string, string[]>, over: Partial<IncomingMessage> = {}): IncomingMessage =>
    ({ method: 'GET', httpVersion: '1.1', url: '/v1/realtime', headersDistinct: { ...good, ...headers }, ...over }) as unknown as IncomingMessage

  it.each<[string, Record<string, string[]>, Partial<IncomingMessage>]>([
    ['another method', {}, { method: 'POST' }],
    ['HTTP/1.0', {}, { httpVersion: '1.0' }],
    ['h2c', { upgrade: ['h2c'] }, {}],
    ['a bad key', { 'sec-websocket-key': ['short'] }, {}],
    ['two keys', { 'sec-websocket-key': ['AAAAAAAAAAAAAAAAAAAAAA==', 'AAAAAAAAAAAAAAAAAAAAAA=='] }, {}],
    ['version 8', { 'sec-websocket-version': ['8'] }, {}],
    ['a body', { 'content-length': ['5'] }, {}],
    ['a chunked body', { 'transfer-encoding': ['chunked'] }, {}],
    ['a doubled subprotocol', { 'sec-websocket-protocol': ['a, a'] }, {}],
    ['two models', {}, { url: '/v1/realtime?model=a&model=b' }],
    ['a long model', {}, { url: `/v1/realtime?model=${'a'.repeat(129)}` }],
    ['an odd model', {}, { url: '/v1/realtime?model=a%0d%0ab' }],
    ['a model with a fragment', {}, { url: '/v1/realtime?deployment=a%23b' }],
  ])('refuses %s', (_name, headers, over) => {
    expect(codeOf(() => readHandshake(request(headers, over)))).toBe('bad_request')
  })

  it('reads model, deployment and a correlation id', () => {
    const read = (url: string, headers: Record<string, string[]> = {}) => readHandshake(request(headers, { url }))
    expect(read('/v1/realtime?model=gpt-realtime').requestedModel).toBe('gpt-realtime')
    expect(read('/openai/realtime?deployment=my.dep_1').requestedModel).toBe('my.dep_1')
    expect(read('/v1/realtime?model=m&deployment=d').requestedModel).toBe('m')
    expect(read('/v1/realtime?model=&model=x').requestedModel).toBe('x')
    expect(read('/v1/realtime').requestedModel).toBeUndefined()
    expect(read('/v1/realtime', { 'x-ms-client-request-id': ['a-1_\u0007b<script>'] }).correlationId).toBe('a-1_bscript')
    expect(read(`/v1/realtime?x-ms-client-request-id=${'q'.repeat(500)}`).correlationId).toBe('q'.repeat(128))
    expect(read('/v1/realtime?x-ms-client-request-id=%0a').correlationId).toBeUndefined()
  })

  it('reads a traceparent that is one, and leaves out any other', () => {
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const read = (...values: string[]) => readHandshake(request({ traceparent: values })).trace
    expect(read(trace)).toBe(trace)
    const others = [
      trace.toUpperCase(),
      `${trace}-x`,
      trace.replace('00-', 'ff-'),
      `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
      `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
      `${trace}\r\nx: y`,
      '',
    ]
    for (const other of others) expect(read(other), other).toBeUndefined()
    expect(read(trace, trace)).toBeUndefined()
    expect(readHandshake(request({})).trace).toBeUndefined()
  })

  it('reads it from the query if there is none in the header, since browsers can set none', () => {
    const [mine, other] = ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00']
    const read = (query: string, headers: Record<string, string[]> = {}) => readHandshake(request(headers, { url: `/v1/realtime?${query}` })).trace
    expect(read(`traceparent=${mine}`)).toBe(mine)
    expect(read(`traceparent=${mine}`, { traceparent: [other] })).toBe(other)
    expect(read(`traceparent=${mine}`, { traceparent: ['none'] })).toBe(mine)
    expect(read(`traceparent=${mine}&traceparent=${mine}`)).toBeUndefined()
    expect(read('traceparent=none')).toBeUndefined()
  })

  it('refuses transcription sessions, which are not served', () => {
    expect(codeOf(() => checkIntent(queryOf('/v1/realtime?intent=transcription')))).toBe('bad_request')
    expect(codeOf(() => checkIntent(queryOf('/v1/realtime?model=x')))).toBe('undefined')
  })
})

describe('a path', () => {
  it('is compared in one spelling, without its query', () => {
    expect(canonicalPath('/V1//Realtime/?api-key=secret')).toBe('/v1/realtime')
    expect(canonicalPath('/')).toBe('/')
    expect(canonicalPath('?x')).toBe('')
  })
})
