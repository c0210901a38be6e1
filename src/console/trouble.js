// What the demo says about an end: the kit's words, and where its own reader finds what is needed.

/** `token`: the field for a token is part of the way back. */
export function endingWords({ code, message, advice }, url) {
  switch (code) {
    case 'address':
    case 'token':
      return { text: `${message} Check both under “Connection”.`, token: true }
    case 4401:
      return {
        text: 'The relay does not accept this token: it has expired, was revoked, or the demo was started again since. Open the address that the demo prints now, or paste its token under “Connection”.',
        token: true,
      }
    case 4403:
      return { text: `The relay does not let this page connect. ${message}` }
    case 'lost':
      return { text: 'The connection was lost, and did not come back in time. A new one begins a new conversation.' }
    case 1006:
      return { text: `No answer from ${url}. Is the demo running? Start it again with: npm run demo. It prints a new address then.` }
    case 4410:
    case 1012:
      return { text: 'The relay went away and did not come back. Start the demo again, and open the address that it prints.' }
    default:
      return { text: `${message} ${advice}` }
  }
}

/** What an `error` event says is for its reader. What the kit finds wrong comes with what to do. */
export function problemWords({ message, advice, cause }) {
  return cause?.type ? message : `${message} ${advice}`
}

/** While the page still tries to come back. */
export function awayWords(url) {
  return `No answer from ${url}. This page goes on trying to come back to its conversation; “Try again” begins a new one. Is the demo running?`
}
