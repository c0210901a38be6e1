// A page to talk to the relay with: it connects as any browser client does and shows every event it is given.
import { newAudioContext, openMicrophone, speaker } from './audio.js'

const at = (id) => document.getElementById(id)
const fragment = new URLSearchParams(location.hash.slice(1))
at('token').value = fragment.get('token') ?? ''
at('url').value = fragment.get('url') ?? `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/realtime`

let socket
let audio
let voice
let microphone
const lines = new Map()

/** Resolves once the relay has said `session.created`: the session is configured and live. */
function connect() {
  if (socket?.readyState === WebSocket.OPEN && socket.live) return Promise.resolve()
  say('Connecting…')
  socket = new WebSocket(at('url').value, ['realtime', `openai-insecure-api-key.${at('token').value}`])
  const mine = socket
  return new Promise((resolve, reject) => {
    mine.onmessage = ({ data }) => {
      const event = JSON.parse(data)
      logEvent('in', event)
      if (event.type === 'session.created') {
        mine.live = true
        say('Connected')
        resolve()
      }
      handle(event)
    }
    mine.onclose = ({ code, reason }) => {
      say(`Closed (${code}${reason ? `, ${reason}` : ''})`)
      stopTalking()
      reject(new Error(`closed ${code}`))
    }
  })
}

function send(event) {
  socket.send(JSON.stringify(event))
  logEvent('out', event)
}

function handle(event) {
  switch (event.type) {
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
    case 'error':
      line(event.event_id, 'problem', event.error.message)
      break
  }
}

/** The user speaks over the answer: tell the model how much of it was heard. */
function interrupt() {
  const cut = voice?.stop()
  if (cut) send({ type: 'conversation.item.truncate', item_id: cut.itemId, content_index: 0, audio_end_ms: cut.heardMs })
}

/** The one tool this page runs itself; the others are the server's, and their calls never arrive here. */
function answerCall({ call_id, arguments: json }) {
  const { text } = JSON.parse(json)
  at('screen').textContent = text
  at('screen').hidden = false
  send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id, output: 'shown' } })
  pendingCreate = true
}

let pendingCreate = false
function afterResponse() {
  if (!pendingCreate) return
  pendingCreate = false
  send({ type: 'response.create' })
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
  }
  row.textContent = replace ? text : row.textContent + (text ?? '')
  row.scrollIntoView({ block: 'nearest' })
}

function logEvent(direction, event) {
  if (direction === 'in' && event.type === 'response.done') queueMicrotask(afterResponse)
  const row = document.createElement('li')
  row.className = direction
  row.textContent = event.type
  row.title = JSON.stringify(event, (key, value) => ((key === 'audio' || key === 'delta') && typeof value === 'string' ? `${value.slice(0, 24)}…` : value), 2)
  const list = at('events')
  list.append(row)
  if (list.childElementCount > 500) list.firstElementChild.remove()
  row.scrollIntoView({ block: 'nearest' })
}

function say(text) {
  at('status').textContent = text
}

function startAudio() {
  audio ??= newAudioContext()
  voice ??= speaker(audio)
  return audio.resume()
}

function stopTalking() {
  microphone?.close()
  microphone = undefined
  at('talk').setAttribute('aria-pressed', 'false')
}

at('talk').onclick = async () => {
  if (microphone) return stopTalking()
  try {
    await startAudio()
    await connect()
    microphone = await openMicrophone(audio, (base64) => {
      if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: 'input_audio_buffer.append', audio: base64 }))
    })
    at('talk').setAttribute('aria-pressed', 'true')
  } catch (error) {
    line(crypto.randomUUID(), 'problem', error.message)
  }
}

at('type').onsubmit = async (submit) => {
  submit.preventDefault()
  const text = at('text').value.trim()
  if (!text) return
  at('text').value = ''
  try {
    await startAudio()
    await connect()
    send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
    send({ type: 'response.create' })
  } catch (error) {
    line(crypto.randomUUID(), 'problem', error.message)
  }
}
