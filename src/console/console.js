// A page to talk to the relay. It connects as any browser client does and shows every event.
import { newAudioContext, openMicrophone, speaker } from './audio.js'
import { connection } from './connection.js'
import { eventList } from './event-list.js'

const at = (id) => document.getElementById(id)
const fragment = new URLSearchParams(location.hash.slice(1))
at('token').value = fragment.get('token') ?? ''
at('url').value = fragment.get('url') ?? `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/realtime`

const record = eventList(at('events'))
const relay = connection({
  address: () => ({ url: at('url').value, token: at('token').value }),
  onStatus: say,
  onEvent(event) {
    record('in', event)
    handle(event)
  },
  onSent: (event) => record('out', event),
  onClosed() {
    answering = false
    goOn = false
    stopTalking()
  },
})
const lines = new Map()
let audio
let voice
let microphone
let answering = false
/** An answer is still needed. It can be requested only after the current response. */
let goOn = false

function handle(event) {
  switch (event.type) {
    case 'session.created':
      say('Connected')
      break
    case 'conversation.item.added':
      if (event.item.type === 'message') line(event.item.id, event.item.role, itemText(event.item))
      break
    case 'conversation.item.input_audio_transcription.completed':
      line(event.item_id, 'user', event.transcript, true)
      break
    case 'response.output_audio_transcript.delta':
    case 'response.output_text.delta':
      line(event.item_id, 'assistant', event.delta)
      break
    case 'response.output_audio.delta':
      voice?.play(event.item_id, event.delta)
      break
    case 'input_audio_buffer.speech_started':
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
      else line(event.event_id, 'problem', event.error.message)
      break
  }
}

/** The user speaks or types during the answer. Tells the model how much of it was heard. */
function interrupt() {
  const cut = voice?.stop()
  if (cut) relay.send({ type: 'conversation.item.truncate', item_id: cut.itemId, content_index: 0, audio_end_ms: cut.heardMs })
}

/** Runs the page's own tool. All other tools are the server's, and their calls never arrive here. */
function answerCall({ call_id, arguments: json }) {
  at('screen').textContent = JSON.parse(json).text
  at('screen').hidden = false
  relay.send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id, output: 'It is on the screen now.' } })
  goOn = true
}

function responseDone({ id, status, status_details: details }) {
  answering = false
  if (status === 'failed') line(id, 'problem', details?.error?.message ?? 'The response failed.')
  if (!goOn) return
  goOn = false
  relay.send({ type: 'response.create' })
}

function itemText(item) {
  return item.content.map((part) => part.text ?? part.transcript ?? '').join('')
}

function line(id, role, text, replace = false) {
  let row = lines.get(id)
  if (!row) {
    row = document.createElement('li')
    row.className = role
    lines.set(id, row)
    at('conversation').append(row)
    at('start').hidden = true
  }
  row.textContent = replace ? text : row.textContent + (text ?? '')
  row.scrollIntoView({ block: 'nearest' })
}

function say(text) {
  at('status').textContent = text
}

/** Call it after a click or a key: browsers allow sound only then. */
function startAudio() {
  audio ??= newAudioContext()
  voice ??= speaker(audio)
  return audio.resume()
}

function stopTalking() {
  microphone?.close()
  microphone = undefined
  showTalking()
}

function showTalking() {
  at('talk').setAttribute('aria-pressed', String(microphone !== undefined))
  at('talk').textContent = microphone ? 'Stop' : 'Talk'
}

/** Shows any failure of `work` in the conversation. */
async function attempt(work) {
  try {
    await startAudio()
    await relay.open()
    await work()
  } catch (error) {
    line(crypto.randomUUID(), 'problem', error.message)
  }
}

async function ask(text) {
  if (text === '') return
  await attempt(() => {
    if (answering) relay.send({ type: 'response.cancel' })
    interrupt()
    relay.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
    relay.send({ type: 'response.create' })
  })
}

at('talk').onclick = async () => {
  if (microphone) {
    stopTalking()
    say('Connected')
    return
  }
  at('talk').disabled = true
  await attempt(async () => {
    microphone = await openMicrophone(audio, (base64) => relay.send({ type: 'input_audio_buffer.append', audio: base64 }))
    say('Listening')
  })
  at('talk').disabled = false
  showTalking()
}

at('type').onsubmit = (submit) => {
  submit.preventDefault()
  const text = at('text').value.trim()
  at('text').value = ''
  return ask(text)
}

for (const suggestion of at('start').querySelectorAll('button')) suggestion.onclick = () => ask(suggestion.textContent)
