// What went wrong in words that help: what happened, and what to do about it.

/** An `Error` that says what to do. */
export interface Problem extends Error {
  /** A close code, the code of an `error` event, the name of a browser's error, or a word of the kit's. */
  readonly code: number | string
  /** What happened. */
  readonly message: string
  /** What to do about it. */
  readonly advice: string
  /** The session is over, or did not come about. */
  readonly fatal: boolean
  /** What the relay or `token()` said. */
  readonly cause?: unknown
}

const LATER = 'Open again later.'
const ANEW = 'Open again: a new conversation begins.'
const MEND = 'Mend what the page sends.'

/**
 * By code: what to do, and what happened. What a relay ends it says itself, so its close codes (4000 more than the HTTP status, except where a
 * standard one fits) need no words here.
 */
const TEXTS: Readonly<Record<number | string, readonly [advice: string, message?: string]>> = {
  1000: [ANEW],
  1006: ['Check url and network. With REFUSE_AFTER_UPGRADE the relay tells more.', 'The relay does not answer.'],
  1012: [LATER],
  1013: [LATER],
  4401: ['Let token() return a new one.'],
  4402: ['Wait, or ask the operator.'],
  4403: ['Ask the operator.'],
  4404: ['Check url.'],
  4408: [ANEW],
  4409: ['Use the other connection.'],
  4410: [ANEW],
  4413: ['Open again, and send less.'],
  4429: [LATER],
  lost: ['Open again. With the claim relayEvents it comes back.', 'The connection was lost.'],
  address: ['Check url and token().', 'This url or token cannot be used.'],
  token: ['Check your back end.', 'token() failed, or took ten seconds.'],
  new_session: ['Say that this is a new conversation.', 'The relay has lost the session.'],
  missed: ['Show items that come again by id.', 'Some events were missed.'],
  full: ['Send less while away.', 'The oldest event was dropped.'],
  autoplay: ['Call talk() in a click.', 'The browser lets no sound out.'],
  sound: ['Ask for shorter answers.', 'Too much sound waits.'],
  worklet: ['Allow blob: in script-src, or set workletUrl.', 'The microphone script was not loaded.'],
  device_lost: ['Connect one, and call talk().', 'The microphone is gone.'],
  InsecureContext: ['Serve it by https.', 'This page may not use the microphone.'],
  NotAllowedError: ['Allow it beside the address.', 'This page may not use the microphone.'],
  NotFoundError: ['Connect one, and call talk().', 'No microphone was found.'],
  NotReadableError: ['Close that, and call talk().', 'Another program may use the microphone.'],
}

/** `words` are the relay's own, if it had any; `speaksFor` is the code whose words are used. */
export function problemOf(code: number | string, words?: string, speaksFor = code): Problem {
  const [advice, message] = TEXTS[speaksFor] ?? [Number(speaksFor) < 4500 ? MEND : LATER]
  return Object.assign(new Error(words || message || `The session was closed (${code}).`), { code, advice, fatal: false })
}

export const isProblem = (error: unknown): error is Problem => (error as Problem | undefined)?.advice !== undefined

/** Of an `error` event in a session that goes on. */
export function problemIn(error: { readonly type: string; readonly code?: string | null; readonly message: string }): Problem {
  return Object.assign(problemOf(error.code ?? error.type, error.message, /rate|server/.test(error.type) ? 4429 : 4400), { cause: error })
}
