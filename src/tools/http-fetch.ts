// Makes one HTTP exchange of a tool: no redirect, text only, and never more bytes in memory than the model may read.
import { TextDecoder } from 'node:util'
import { type Dispatcher, fetch, type Response } from 'undici'
import type { FilledRequest } from './http-template.js'
import { type FailureReason, ToolFailure } from './tool-failure.js'

interface FetchLimits {
  readonly dispatcher: Dispatcher
  readonly signal: AbortSignal
  /** Most bytes read, after decompression. If the answer goes on, the connection is dropped. */
  readonly maxBytes: number
  /** Try once more after a connection error or 502, 503, 504. */
  readonly retryOnce: boolean
}

const ENCODINGS = new Set(['', 'identity', 'gzip', 'x-gzip', 'deflate', 'br'])
const TEXT_TYPE = /^(text\/[^;]+|application\/([^;]+\+)?(json|xml|yaml)|application\/(x-)?(ndjson|yaml|javascript|www-form-urlencoded))$/i
const RETRIED = new Set([502, 503, 504])
const REASONS: Readonly<Record<number, FailureReason>> = {
  400: 'bad_request',
  401: 'not_permitted',
  403: 'not_permitted',
  404: 'not_found',
  410: 'not_found',
  422: 'bad_request',
  429: 'rate_limited',
}

/** Rejects with a `ToolFailure` for any answer but a 2xx with text. May reject with anything once `signal` aborted. */
export async function fetchText(method: string, request: FilledRequest, limits: FetchLimits): Promise<string> {
  const response = await exchange(method, request, limits)
  try {
    if (!response.ok) throw new ToolFailure(reasonOf(response.status))
    return await readText(response, limits.maxBytes)
  } finally {
    await response.body?.cancel().catch(() => {})
  }
}

async function exchange(method: string, request: FilledRequest, limits: FetchLimits): Promise<Response> {
  for (let last = !limits.retryOnce; ; last = true) {
    try {
      const response = await fetch(request.url, {
        method,
        headers: {
          'user-agent': 'realtime-relay',
          accept: 'application/json, text/*;q=0.9',
          'accept-encoding': 'gzip, deflate, br',
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...request.headers,
        },
        ...(request.body === undefined ? {} : { body: request.body }),
        redirect: 'manual',
        dispatcher: limits.dispatcher,
        signal: limits.signal,
      })
      if (last || !RETRIED.has(response.status)) return response
      await response.body?.cancel().catch(() => {})
    } catch (error) {
      if (limits.signal.aborted) throw error
      if (last) throw new ToolFailure('unavailable')
    }
  }
}

function reasonOf(status: number): FailureReason {
  const reason = REASONS[status]
  if (reason !== undefined) return reason
  if (status >= 500) return 'server_error'
  return status >= 400 ? 'client_error' : 'redirect'
}

async function readText(response: Response, maxBytes: number): Promise<string> {
  const [type = '', ...parameters] = (response.headers.get('content-type') ?? '').split(';').map((piece) => piece.trim())
  const encodings = (response.headers.get('content-encoding') ?? '').split(',').map((coding) => coding.trim().toLowerCase())
  if ((type !== '' && !TEXT_TYPE.test(type)) || encodings.length > 1 || !encodings.every((coding) => ENCODINGS.has(coding))) throw new ToolFailure('not_text')

  const { bytes, whole } = await readBytes(response, maxBytes)
  // Without a type, it is text only if all of it decodes. A cut may end inside a character, which proves nothing.
  const decoder = decoderFor(parameters, type === '')
  let text: string
  try {
    text = decoder.decode(bytes, { stream: !whole })
  } catch {
    throw new ToolFailure('not_text')
  }
  if (text.includes('\u0000')) throw new ToolFailure('not_text')
  return text
}

async function readBytes(response: Response, maxBytes: number): Promise<{ bytes: Buffer; whole: boolean }> {
  const chunks: Uint8Array[] = []
  let room = maxBytes
  const reader = response.body?.getReader()
  try {
    while (reader && room > 0) {
      const { done, value } = await reader.read()
      if (done) return { bytes: Buffer.concat(chunks), whole: true }
      chunks.push(value.subarray(0, room))
      room -= value.byteLength
    }
  } catch {
    throw new ToolFailure('unavailable')
  } finally {
    reader?.releaseLock()
  }
  return { bytes: Buffer.concat(chunks), whole: reader === undefined }
}

function decoderFor(parameters: readonly string[], fatal: boolean): TextDecoder {
  const charset = parameters.find((parameter) => /^charset=/i.test(parameter))?.slice('charset='.length)
  try {
    return new TextDecoder(charset?.replace(/"/g, '') ?? 'utf-8', { fatal })
  } catch {
    throw new ToolFailure('not_text')
  }
}
