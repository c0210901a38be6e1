// One POST to a model service that takes calls: no redirect is followed, the answer is bounded in size and time, and failures are those of a dial.
import { type Dispatcher, request } from 'undici'
import { RefusalError } from '../../core/protocol/errors.js'
import { DialError, reasonOf, retryAfterIn } from '../../wire/dial-accept.js'

export interface Post {
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  readonly dispatcher: Dispatcher
  readonly signal: AbortSignal
  readonly timeoutMs: number
  /** Told of the head as soon as it is there, even if the body never comes. */
  readonly onHead?: (head: PostedHead) => void
}

export interface PostedHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

const MAX_ANSWER_BYTES = 65_536

/** Rejects with a `DialError` if there was no answer, and with a `RefusalError` if it was too big. Every status is an answer. */
export async function post(url: URL, { headers, body, dispatcher, signal, timeoutMs, onHead }: Post): Promise<PostedHead & { readonly text: string }> {
  const timeout = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)))
  try {
    const answer = await request(url, {
      method: 'POST',
      headers: { 'user-agent': 'realtime-relay', accept: 'application/sdp, application/json', ...headers },
      body: body ?? null,
      dispatcher,
      signal: AbortSignal.any([signal, timeout]),
    })
    const head = { status: answer.statusCode, headers: answer.headers }
    onHead?.(head)
    return { ...head, text: await textOf(answer.body) }
  } catch (error) {
    if (error instanceof RefusalError) throw error
    if (signal.aborted) throw new DialError('aborted')
    if (timeout.aborted || isTimeout(error)) throw new DialError('timeout')
    throw new DialError('unreachable', undefined, undefined, error instanceof Error ? reasonOf(error) : undefined)
  }
}

/** What a status other than the expected one means. */
export function refusedWith({ status, headers }: PostedHead): DialError {
  return new DialError('refused', status, retryAfterIn(headers))
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT$/.test(String(error.code))
}

async function textOf(body: AsyncIterable<Buffer> & { destroy(): unknown }): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) {
      body.destroy()
      throw new RefusalError('upstream_refused', 'answer_too_big')
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
