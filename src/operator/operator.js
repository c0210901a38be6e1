// Watches all relays with a token that stays in this page's memory: opens the stream, opens it again when it breaks, and hands each picture on.
import { initActions } from './actions.js'
import { byId, setClass, setText } from './dom.js'
import { initSessions, showSessions } from './sessions.js'
import { Refused, readStream } from './stream.js'
import { showPicture } from './views.js'
import { clock, count } from './words.js'

const RETRY_MS = 2000
/** Pictures come each second. */
const STALE_MS = 5000

const ENDS = {
  expired: 'The token has expired. Paste a new one.',
  revoked: 'The token was revoked.',
}

const REFUSALS = {
  401: 'The relay does not accept this token: it is wrong, expired or revoked.',
  403: 'The scope of this token has neither relay:read nor relay:admin.',
}

let token = ''
let watching
let pictured
let picturedAt = 0
let acts = false

const open = initActions(
  () => token,
  (text) => setText(byId('told'), text),
)
initSessions(open)

byId('enter').addEventListener('submit', (event) => {
  event.preventDefault()
  token = byId('token').value.trim()
  byId('token').value = ''
  if (token !== '') void watch()
})
byId('leave').addEventListener('click', () => leave(''))
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && pictured) render()
})
setInterval(() => {
  if (watching && pictured && performance.now() - picturedAt > STALE_MS) status(`No picture since ${clock(pictured.at)}`, 'broken')
}, 1000)

async function watch() {
  problem('')
  const mine = new AbortController()
  watching = mine
  byId('leave').hidden = false
  status('Connecting')
  while (watching === mine) {
    let why = ''
    try {
      await readStream(token, mine.signal, (name, data) => {
        if (name === 'hello') acts = data.acts
        if (name === 'picture') take(data)
        if (name === 'end') why = data.why
      })
    } catch (error) {
      if (watching !== mine) return
      if (error instanceof Refused && error.status < 500 && error.status !== 429) return leave(REFUSALS[error.status] ?? error.message)
      status(error instanceof Refused ? error.message : 'The relay does not answer; trying again', 'broken')
    }
    if (watching !== mine) return
    if (ENDS[why]) return leave(ENDS[why])
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

function take(picture) {
  pictured = picture
  picturedAt = performance.now()
  byId('enter').hidden = true
  byId('board').hidden = false
  if (!document.hidden) render()
}

function render() {
  const { at, relays, calls, shared, troubles } = pictured
  const worst = troubles.some(({ level }) => level === 'broken') ? 'broken' : troubles.some(({ level }) => level === 'strained') ? 'strained' : ''
  const heard = relays.filter((one) => one.status !== 'silent').length
  const where = `${heard === relays.length ? '' : `${count(heard)} of `}${count(relays.length)} ${relays.length === 1 ? 'relay' : 'relays'}`
  status(`Live ${clock(at)} · ${shared ? where : 'one relay alone'} · ${count(calls.now)} calls`, worst)
  showPicture(pictured)
  showSessions(pictured, acts)
}

/** Forgets the token and everything that was shown. */
function leave(why) {
  watching?.abort()
  watching = undefined
  token = ''
  pictured = undefined
  byId('act').close()
  byId('board').hidden = true
  byId('leave').hidden = true
  byId('enter').hidden = false
  status('Not watching')
  problem(why)
  byId('token').focus()
}

/** Said aloud only when its class changes, not each second. */
function status(text, level = '') {
  const line = byId('status')
  const quiet = level === line.className && text.startsWith('Live')
  line.setAttribute('aria-live', quiet ? 'off' : 'polite')
  setClass(line, level)
  setText(line, text)
}

function problem(text) {
  byId('problem').hidden = text === ''
  setText(byId('problem'), text)
}
