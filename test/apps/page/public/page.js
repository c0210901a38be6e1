// Signs in, and talks. The kit does sound, coming back and fresh tokens; this file shows what happens.
import { connect } from './kit.min.js'

const at = (id) => document.getElementById(id)
const post = (path, body) => fetch(path, { method: 'POST', body })

at('sign-in').onsubmit = async (event) => {
  event.preventDefault()
  show(await (await post('/sign-in', new FormData(event.target).get('name'))).json())
}
show(await (await fetch('/me')).json())

function show({ name, relay, error }) {
  at('refused').textContent = error ?? ''
  at('sign-in').hidden = name !== undefined
  document.querySelector('main').hidden = name === undefined
  if (name !== undefined) talkTo(relay)
}

function talkTo(url) {
  const relay = connect({
    url,
    async token() {
      const answer = await post('/token')
      if (!answer.ok) throw new Error('Sign in again.')
      return (await answer.json()).token
    },
  })
  const tell = (words) => {
    at('problem').textContent = words
  }
  const rows = new Map()
  const row = (id, role, text) => {
    if (!rows.has(id)) rows.set(id, at('lines').appendChild(Object.assign(document.createElement('li'), { className: role })))
    rows.get(id).textContent = text
  }
  const told = () => {
    at('state').textContent = relay.state
    at('talk').textContent = relay.listening ? 'Mute' : 'Talk'
    at('stop').disabled = !relay.speaking
  }
  told()
  for (const what of ['state', 'listening', 'speaking']) relay.on(what, told)
  relay.on('problem', ({ message, advice }) => tell(`${message} ${advice}`))
  relay.on('conversation.item.added', ({ item }) => {
    if (item.type === 'message') row(item.id, item.role, item.content.map((part) => part.text ?? part.transcript ?? '').join(''))
  })
  relay.on('conversation.item.input_audio_transcription.completed', (event) => row(event.item_id, 'user', event.transcript))
  relay.on('response.output_audio_transcript.delta', (event) => row(event.item_id, 'assistant', (rows.get(event.item_id)?.textContent ?? '') + event.delta))

  at('talk').onclick = () => {
    tell('')
    relay.listening ? relay.mute() : relay.talk()
  }
  at('stop').onclick = relay.interrupt
  at('say').onsubmit = (event) => {
    event.preventDefault()
    tell('')
    relay.say(new FormData(event.target).get('text'))
    event.target.reset()
  }
}
