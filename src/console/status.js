// Says in the page how things stand: one short line, a button's state, and a notice when something is wrong.
import { endingWords } from './trouble.js'

export function statusOf(at) {
  const say = (text) => {
    at('status').textContent = text
  }
  const notice = (text) => {
    at('notice-text').textContent = text
    at('notice').hidden = false
  }
  return {
    say,
    notice,
    noNotice() {
      at('notice').hidden = true
    },
    showTalking(listens) {
      at('talk').setAttribute('aria-pressed', String(listens))
      at('talk').textContent = listens ? 'Stop' : 'Talk'
    },
    /** Says why there is no connection, and offers the way back. */
    tellEnd(ended) {
      const { text, token } = endingWords(ended, at('url').value)
      say('Not connected')
      notice(text)
      if (!token) return
      at('access').open = true
      at('token').focus()
      at('token').select()
    },
  }
}
