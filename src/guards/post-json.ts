// One POST of JSON to a guard's service: no redirect is followed, the answer is bounded in size, and every failure is a fixed word.
import { type Dispatcher, request } from 'undici'
import { GuardFailed } from './guard-failed.js'

export interface PostJson {
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
  readonly dispatcher: Dispatcher
  /** Bounds the time. */
  readonly signal: AbortSignal
}

/** A redacted text of the longest kind, with every character escaped, fits. */
const MAX_ANSWER_BYTES = 131_072

/** Resolves to the text of a 200. Rejects with `GuardFailed` otherwise, and with anything once `signal` aborted. */
export async function postJson(url: URL, { headers, body, dispatcher, signal }: PostJson): Promise<string> {
  const answer = await request(url, {
    method: 'POST',
    headers: { 'user-agent': 'realtime-relay', accept: 'application/json', 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    dispatcher,
    signal,
  }).catch((error: unknown) => {
    throw signal.aborted ? error : new GuardFailed('unreachable')
  })
  if (answer.statusCode !== 200) {
    answer.body.on('error', () => undefined).destroy()
    throw new GuardFailed(answer.statusCode >= 300 && answer.statusCode < 400 ? 'redirect' : `status_${answer.statusCode}`)
  }
  return textOf(answer.body, signal)
}

async function textOf(body: AsyncIterable<Buffer>, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of body) {
      size += chunk.length
      // Leaving the loop drops the connection.
      if (size > MAX_ANSWER_BYTES) throw new GuardFailed('answer_too_big')
      chunks.push(chunk)
    }
  } catch (error) {
    throw error instanceof GuardFailed || signal.aborted ? error : new GuardFailed('answer_broken_off')
  }
  return Buffer.concat(chunks).toString()
}
