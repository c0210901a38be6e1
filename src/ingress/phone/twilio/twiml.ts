// What Twilio is told to do with a call, in its XML.

export interface StreamAddress {
  /** `wss`, without query: Twilio drops one. */
  readonly media: string
  /** Asked when the stream has ended and the call goes on. */
  readonly after: string
}

/** The caller talks to the relay until the relay closes the media socket. */
export function connectStream({ media, after }: StreamAddress, ticket: string): string {
  return response(`<Connect action="${escaped(after)}" method="POST"><Stream url="${escaped(media)}"><Parameter name="ticket" value="${escaped(ticket)}"/></Stream></Connect>`)
}

/** Only for a call that is not answered yet, which then costs nothing. `busy`: the caller may try again. */
export function reject(reason: 'busy' | 'rejected'): string {
  return response(`<Reject reason="${reason}"/>`)
}

/** `target`: a number, or a `tel:` or `sip:` address. */
export function dial(target: string): string {
  if (/^sips?:/i.test(target)) return response(`<Dial><Sip>${escaped(target)}</Sip></Dial>`)
  return response(`<Dial>${escaped(target.replace(/^tel:/i, ''))}</Dial>`)
}

/** `line` is said by the carrier's own voice, since there is no socket for another. Absent: nothing is said. */
export function sayAndHangUp(line: string | undefined): string {
  return line === undefined ? hangUp() : response(`<Say>${escaped(line)}</Say><Hangup/>`)
}

export function hangUp(): string {
  return response('<Hangup/>')
}

function response(verbs: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Response>${verbs}</Response>`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

/** XML has no way to write most control characters, so they are left out. */
function escaped(text: string): string {
  let result = ''
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    const isText = code >= 0x20 && !(code >= 0x7f && code <= 0x9f) && !(code >= 0xd800 && code <= 0xdfff) && code !== 0xfffe && code !== 0xffff
    if (isText) result += ENTITIES[character] ?? character
  }
  return result
}
