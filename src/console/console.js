// A page to talk to the relay. It connects as any browser client does and shows every event.
import { readAbout, tellSimulation, wayChoice } from './about.js'
import { connection, Ended } from './connection.js'
import { eventList } from './event-list.js'
import { lineList } from './lines.js'
import { ENABLE_ID } from './resuming.js'
import { soundOf } from './sound.js'
import { statusOf } from './status.js'
import { awayWords, microphoneWords } from './trouble.js'
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
const sound = soundOf((base64) => relay.send({ type: 'input_audio_buffer.append', audio: base64 }))
const way = wayChoice(at('way'), at('promise'), hangUp)
const record = eventList(at('events'))
const relay = connection({
  address: () => ({ url: at('url').value.trim(), token: tokenOf(at('token').value) }),
  call: () => (way.isCall() ? sound.ends() : undefined),
  onStatus: say,
  onEvent(event, live) {
    record('in', event)
    // A refusal is told with the end of the connection.
    if (live) handle(event)
  },
  onSent: (event) => record('out', event),
  onAway() {
    say('Coming back…')
    awayLong = setTimeout(() => notice(awayWords(at('url').value)), AWAY_LONG_MS)
  },
  onBack(recovered) {
    sayWhatNow()
    // The end of an answer may be among what was missed.
    if (!recovered) responseOver()
  },
  onEnded(ended, next) {
    sessionOver()
    if (!next) {
      tellEnd(ended)
      return
    }
    // The microphone stays open: the next session hears what is said now.
    const note = 'The relay restarted, or waited no longer. This is a new conversation.'
    next.then(
      () => line(crypto.randomUUID(), 'note', note),
      (last) => last.replaced || tellEnd(last),
    )
  },
})
window.ononline = relay.doubt
const line = lineList(at('conversation'), () => {
  at('start').hidden = true
})
/** An answer of a call is being played. */
let plays = false
let answering = false
/** An answer is still needed. It can be requested only after the current response. */
let goOn = false
/** What was typed, until it has an answer: if the conversation is lost, it goes back into its field. */
let unanswered = ''
let awayLong

function handle(event) {
  if (showWords(line, event)) return
  switch (event.type) {
    case 'session.created':
      sayWhatNow()
      break
    case 'relay.session':
      way.tell(event.enforcement)
      break
    case 'relay.blocked':
      withheld(event)
      break
    case 'response.output_audio.delta':
      sound.play(event.item_id, event.delta)
      break
    case 'output_audio_buffer.started':
    case 'output_audio_buffer.stopped':
    case 'output_audio_buffer.cleared':
      plays = event.type === 'output_audio_buffer.started'
      break
    case 'input_audio_buffer.speech_started':
      // In a call the model's side cuts its own sound, and knows how much was heard.
      interrupt()
      break
    case 'response.function_call_arguments.done':
      answerCall(event)
      break
    case 'response.created':
      answering = true
      break
    case 'response.done':
      responseDone(event.response)
      break
    case 'error':
      // A response that this page does not see is active, such as one that calls a tool of the server.
      if (event.error.code === 'conversation_already_has_active_response') goOn = true
      // A relay that lets nobody come back, and an answer that ended before its cancel came. All else works.
      else if (event.error.event_id !== ENABLE_ID && event.error.code !== 'response_cancel_not_active') line(event.event_id, 'problem', event.error.message)
      break
  }
}

/** The user speaks or types during the answer. Tells the model how much of it was heard. */
function interrupt() {
  const cut = sound.cut()
  if (cut) relay.send({ type: 'conversation.item.truncate', item_id: cut.itemId, content_index: 0, audio_end_ms: cut.heardMs })
}

/** A guard stopped it. Sound comes faster than it is heard: what is here must not be played on. */
function withheld({ event_id: id, side, message }) {
  if (side === 'input' || side === 'output') sound.cut()
  // What was typed and refused is told as an error.
  if (side !== 'input' || unanswered === '') line(id, 'problem', message)
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
  answering = false
  if (!goOn) return
  goOn = false
  relay.send({ type: 'response.create' })
}

/** There is a session. */
function sayWhatNow() {
  clearTimeout(awayLong)
  noNotice()
  at('hang-up').hidden = false
  say(sound.listens ? 'Listening' : 'Connected')
}

/** Whatever comes next begins without an answer under way. */
function sessionOver() {
  clearTimeout(awayLong)
  at('hang-up').hidden = true
  answering = false
  goOn = false
  plays = false
  sound.cut()
  if (at('text').value === '') at('text').value = unanswered
  unanswered = ''
}

function hangUp() {
  if (!relay.hangUp()) return
  sessionOver()
  stopTalking()
  say('Not connected')
  noNotice()
  line(crypto.randomUUID(), 'note', 'You hung up. What comes next is a new conversation.')
}

function stopTalking() {
  sound.stopListening()
  status.showTalking(false)
}

function tellEnd(ended) {
  stopTalking()
  status.tellEnd(ended)
}

/** Does `work` in a live session. Shows any failure, and returns whether there was none. */
async function attempt(work, open = relay.open) {
  try {
    await sound.start()
    await open()
    await work()
    return true
  } catch (error) {
    if (error instanceof Ended) {
      if (!error.wasLive && !error.replaced) tellEnd(error)
    } else line(crypto.randomUUID(), 'problem', error.message)
    return false
  }
}

async function ask(text) {
  return attempt(() => {
    if (answering) relay.send({ type: 'response.cancel' })
    interrupt()
    if (plays) relay.send({ type: 'output_audio_buffer.clear' })
    relay.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
    if (!relay.send({ type: 'response.create' })) throw new Error('The connection ended before this was sent. Send it again.')
    unanswered = text
  })
}

at('talk').onclick = async () => {
  if (sound.listens) {
    stopTalking()
    say('Connected')
    return
  }
  at('talk').disabled = true
  await attempt(async () => {
    try {
      await sound.listen(way.isCall())
    } catch (error) {
      throw new Error(microphoneWords(error))
    }
    if (sound.listens) say('Listening')
  })
  at('talk').disabled = false
  status.showTalking(sound.listens)
}

at('type').onsubmit = async (submit) => {
  submit.preventDefault()
  const text = at('text').value.trim()
  // What was typed stays until it is sent.
  if (text !== '' && (await ask(text)) && at('text').value.trim() === text) at('text').value = ''
}

for (const suggestion of at('start').querySelectorAll('button')) suggestion.onclick = () => ask(suggestion.textContent)

at('again').onclick = () => attempt(() => undefined, relay.openAnew)

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
