// Says why a tool gave no answer, in fixed words that the model may read, never in a back end's own words.

const TEXTS = {
  failed: 'The tool failed.',
  unavailable: 'The tool is not available right now. Try again later.',
  busy: 'The tool is busy. Try again later.',
  bad_request: 'The tool failed: its service did not accept these arguments (4xx).',
  not_permitted: 'The tool failed: its service did not permit this (4xx).',
  not_found: 'The tool failed: its service found nothing for these arguments (4xx).',
  rate_limited: 'The tool failed: its service is asked too often (4xx). Try again later.',
  client_error: 'The tool failed: its service refused the request (4xx).',
  server_error: 'The tool failed: its service had an error (5xx).',
  redirect: 'The tool failed: its service answered with a redirect, which is not followed (3xx).',
  not_text: 'The tool failed: its answer is not text.',
  unknown_caller: 'The tool cannot be used by this caller.',
} as const

export type FailureReason = keyof typeof TEXTS

/** The model reads the text of this error of a tool source and of no other. */
export class ToolFailure extends Error {
  override readonly name = 'ToolFailure'
  constructor(readonly reason: FailureReason) {
    super(TEXTS[reason])
  }
}

/** Arguments that passed the schema and still cannot be sent. `problem` says in our own words what is wrong, for the model to repair. */
export class ArgumentsRefused extends Error {
  override readonly name = 'ArgumentsRefused'
  constructor(readonly problem: string) {
    super(problem)
  }
}
