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
}

const LATER = 'Wait a moment, then open again.'
const ANEW = 'Open again: a new conversation begins.'
const PAGE = 'Mend the page: the relay’s log says which part it refused.'
const TYPE_ON = 'Typing works without it.'

/** By code: what happened, and what to do. A close code is 4000 more than the HTTP status, except where a standard one fits. */
const TEXTS: Readonly<Record<number | string, readonly [message: string, advice: string]>> = {
  1000: ['The session was closed.', ANEW],
  1006: [
    'The relay does not answer.',
    'Check url, network, and that the relay runs. A refusal looks the same from a page: its log has the cause, and with REFUSE_AFTER_UPGRADE=true it is told here.',
  ],
  1009: ['A message was too big.', 'Send smaller ones, as for images.'],
  1012: ['The relay went away.', LATER],
  1013: ['The relay is full.', LATER],
  4400: ['The relay refused what the page sent.', PAGE],
  4401: ['The relay does not accept this token: it has expired, was revoked, or is not for this relay.', 'Let token() return a new one of your back end, then open again.'],
  4402: ['The budget is spent.', 'Ask for a higher quota, or wait for the next period.'],
  4403: ['The relay does not allow this.', 'Do not try again: ask the operator for this page’s origin, this user’s profile, and what was said or sent.'],
  4404: ['There is nothing at this address.', 'Check url: it ends in /v1/realtime.'],
  4408: ['Nothing happened for a while.', ANEW],
  4409: ['Another connection has the session.', 'Use that one, or open again.'],
  4410: ['The session is over.', ANEW],
  4413: ['The page read too slowly.', 'Open again, and do less in listeners.'],
  4426: ['This address speaks WebSocket only.', PAGE],
  4429: ['That was too much at once.', LATER],
  4500: ['The relay failed.', LATER],
  4502: ['The model’s side refused, or was lost.', LATER],
  4504: ['The model’s side did not answer.', LATER],
  lost: ['The connection was lost, and did not come back in time.', `${ANEW} Only users with the claim relayEvents can come back.`],
  address: ['This address or token cannot be used.', 'url begins with wss://, or on localhost with ws://, and a token has no spaces.'],
  token: ['token() failed, or took longer than ten seconds.', 'Check the network and your back end, then open again.'],
  new_session: ['The relay has lost the session.', 'A new conversation has begun: say so, since the model knows nothing of the old one.'],
  missed: ['Some events were missed.', 'Items come again: show them by their ids.'],
  full: ['Too much waits to be sent.', 'The oldest of it was dropped: send less while away.'],
  autoplay: ['The browser lets no sound out.', 'Call talk(), say() or open() in a click.'],
  sound: ['Ten minutes of sound wait to be heard.', 'The rest of the answer is not played: ask for shorter ones.'],
  worklet: ['The page’s policy forbids the microphone’s script.', 'Allow blob: in script-src, or serve microphone-worklet.js and set workletUrl.'],
  device_lost: ['The microphone is gone.', 'Connect one, and call talk() again.'],
  InsecureContext: ['Browsers give the microphone only to pages on https or localhost.', 'Serve the page by https.'],
  NotAllowedError: ['This page may not use the microphone.', `Allow it beside the address or in the system’s settings, then try again. ${TYPE_ON}`],
  NotFoundError: ['No microphone was found.', `Connect one, then try again. ${TYPE_ON}`],
  NotReadableError: ['The microphone cannot be opened: another program may be using it.', 'Close that, then try again.'],
}

/** Which close code speaks for an `error` event of this type. */
const ERRORS: Readonly<Record<string, number>> = { authentication_error: 4401, permission_error: 4403, rate_limit_error: 4429, server_error: 4500 }

/** `words` are the relay's own, if it had any; `speaksFor` is the code whose words are used. */
export function problemOf(code: number | string, words?: string | null, fatal = false, speaksFor = code): Problem {
  const [message, advice] = TEXTS[speaksFor] ?? [`It ended with ${code}.`, 'Open again, or look at the relay’s log.']
  return Object.assign(new Error(words || message), { code, advice, fatal })
}

/** Of an `error` event in a session that goes on. */
export function problemIn(error: { readonly type: string; readonly code?: string | null; readonly message: string }): Problem {
  return problemOf(error.code ?? error.type, error.message, false, ERRORS[error.type] ?? 4400)
}
