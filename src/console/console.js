// A page to talk to the relay, on the browser kit. It shows every event.
import { readAbout, tellSimulation, wayChoice } from './about.js'
import { eventList } from './event-list.js'
import { connect } from './kit.min.js'
import { lineList } from './lines.js'
import { statusOf } from './status.js'
import { awayWords, problemWords } from './trouble.js'
import { showWords } from './words.js'

const at = (id) => document.getElementById(id)

/** The address that the demo prints has the token in its fragment. Opening a new one in the same tab changes only that. */
function readFragment() {
  const fragment = new URLSearchParams(location.hash.slice(1))
  at('token').value = fragment.get('token') ?? at('token').value
  at('url').value = fragment.get('url') ?? (at('url').value || `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/realtime`)
}
readFragment()

/** A socket that is lost for longer is worth a word. */
const AWAY_LONG_MS = 3000

/** Somebody may paste the whole address in place of the token. */
const tokenOf = (text) => /[#&]token=([^&\s]+)/.exec(text)?.[1] ?? text.trim()

const { say, notice, noNotice, ...status } = statusOf(at)
const record = eventList(at('events'))
const line = lineList(at('conversation'), () => {
  at('start').hidden = true
})
const way = wayChoice(at('way'), at('promise'), () => {
  hangUp()
  relay = newRelay()
})
/** An answer is still needed. It can be requested only after the current response. */
let goOn = false
/** What was typed, until it has an answer: if the conversation is lost, it goes back into its field. */
let unanswered = ''
let awayLong
let relay = newRelay()

function newRelay() {
  const made = connect({
    get url() {
      return at('url').value.trim()
    },
    token: () => tokenOf(at('token').value),
    // The demo's policy allows its own files alone.
    workletUrl: 'microphone-worklet.js',
    transport: way.isCall() ? 'webrtc' : 'websocket',
  })
  made.on('*', (event) => {
    record('in', event)
    handle(event)
  })
  made.on('sent', (event) => record('out', event))
  made.on('state', stateChanged)
  made.on('problem', trouble)
  made.on('listening', (listens) => {
    status.showTalking(listens)
    if (made.state === 'open') sayWhatNow()
  })
  return made
}

function stateChanged(state) {
  clearTimeout(awayLong)
  at('hang-up').hidden = state !== 'open' && state !== 'away'
  if (state === 'connecting') say('Connecting…')
  else if (state === 'open') {
    noNotice()
    sayWhatNow()
  } else if (state === 'away') {
    say('Coming back…')
    awayLong = setTimeout(() => notice(awayWords(at('url').value)), AWAY_LONG_MS)
  } else {
    say('Not connected')
    sessionOver()
  }
}

function trouble(problem) {
  if (problem.fatal) status.tellEnd(problem)
  else if (problem.code === 'new_session') {
    sessionOver()
    line(crypto.randomUUID(), 'note', 'The relay restarted, or waited no longer. This is a new conversation.')
  } else if (problem.code === 'missed') responseOver()
  // A response that this page does not see is active, such as one that calls a tool of the server.
  else if (problem.code === 'conversation_already_has_active_response') goOn = true
  else line(crypto.randomUUID(), 'problem', problemWords(problem))
}

function handle(event) {
  if (showWords(line, event)) return
  switch (event.type) {
    case 'relay.session':
      way.tell(event.enforcement)
      break
    case 'relay.blocked':
      // What was typed and refused is told as an error.
      if (event.side !== 'input' || unanswered === '') line(event.event_id, 'problem', event.message)
      break
    case 'response.function_call_arguments.done':
      answerCall(event)
      break
    case 'response.done':
      responseDone(event.response)
      break
  }
}

/** Runs the page's own tool. All other tools are the server's, and their calls never arrive here. */
function answerCall({ call_id, arguments: json }) {
  at('screen').textContent = JSON.parse(json).text
  at('screen').hidden = false
  relay.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id, output: 'It is on the screen now.' } })
  goOn = true
}

function responseDone({ id, status, status_details: details }) {
  if (status === 'completed') unanswered = ''
  if (status === 'failed') line(id, 'problem', details?.error?.message ?? 'The response failed.')
  responseOver()
}

function responseOver() {
  if (!goOn) return
  goOn = false
  relay.send({ type: 'response.create' })
}

function sayWhatNow() {
  say(relay.listening ? 'Listening' : 'Connected')
}

/** Whatever comes next begins without an answer under way. */
function sessionOver() {
  goOn = false
  if (at('text').value === '') at('text').value = unanswered
  unanswered = ''
}

function hangUp() {
  if (relay.state === 'closed') return
  relay.close()
  noNotice()
  line(crypto.randomUUID(), 'note', 'You hung up. What comes next is a new conversation.')
}

/** True: it is on its way. What went wrong is told by `trouble`. */
async function ask(text) {
  try {
    await relay.open()
  } catch {
    return false
  }
  relay.say(text)
  unanswered = text
  return true
}

at('talk').onclick = async () => {
  if (relay.listening) return relay.mute()
  at('talk').disabled = true
  await relay.talk().catch(() => undefined)
  at('talk').disabled = false
}

at('type').onsubmit = async (submit) => {
  submit.preventDefault()
  const text = at('text').value.trim()
  // What was typed stays until it is sent.
  if (text !== '' && (await ask(text)) && at('text').value.trim() === text) at('text').value = ''
}

for (const suggestion of at('start').querySelectorAll('button')) suggestion.onclick = () => ask(suggestion.textContent)

at('again').onclick = () => {
  relay.close()
  relay.open()
}

window.onhashchange = () => {
  readFragment()
  if (!at('notice').hidden) at('again').click()
}

at('hang-up').onclick = hangUp

readAbout().then((about) => {
  if (!about) return
  tellSimulation(at('simulated'), about)
  way.offer(about)
})
