// Says what went wrong in words that help: what happened, and the way back.

/** `token`: the field for a token is part of the way back. */
export function endingWords({ code, message, wasLive }, url) {
  switch (code) {
    case 0:
      return { text: 'The address or the token cannot be used as it stands. Check both under “Connection”.', token: true }
    case 4401:
      return {
        text: 'The relay does not accept this token: it has expired, was revoked, or the demo was started again since. Open the address that the demo prints now, or paste its token under “Connection”.',
        token: true,
      }
    case 4403:
      return { text: `The relay does not let this page connect. ${message}` }
    case 4408:
      return { text: 'The session ended, because nothing happened for a while.' }
    case 1006:
      return wasLive
        ? { text: 'The connection was lost, and did not come back in time. A new one begins a new conversation.' }
        : { text: `No answer from ${url}. Is the demo running? Start it again with: npm run demo. It prints a new address then.` }
    case 4410:
    case 1012:
      return { text: 'The relay went away and did not come back. Start the demo again, and open the address that it prints.' }
    default:
      return { text: message ? `The relay closed the connection: ${message}` : `The connection was closed (${code}).` }
  }
}

/** While the page still tries to come back. */
export function awayWords(url) {
  return `No answer from ${url}. This page goes on trying to come back to its conversation; “Try again” begins a new one. Is the demo running?`
}

/** For an error of `getUserMedia`, by its name (Media Capture and Streams, section 10.3). */
export function microphoneWords(error) {
  switch (error.name) {
    case 'NotAllowedError':
      return 'The browser does not let this page use the microphone. Allow it (the icon beside the address, or the system’s privacy settings), then press Talk again. Typing works without it.'
    case 'NotFoundError':
      return 'No microphone was found. Connect one and press Talk again. Typing works without it.'
    case 'NotReadableError':
      return 'The microphone cannot be opened: another program may be using it. Close that and press Talk again.'
    case 'InsecureContext':
      return 'Browsers give the microphone only to pages on https or on localhost. Open this page as http://localhost:…, or set TLS_CERT_FILE and TLS_KEY_FILE.'
    default:
      return `The microphone cannot be used (${error.name}). Typing works without it.`
  }
}
