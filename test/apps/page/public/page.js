// Signs in, and talks. The kit does sound, coming back and fresh tokens; this file shows what happens.
import { connect } from './kit.min.js'

const at = (id) => document.getElementById(id)
const post = (path, body) => fetch(path, { method: 'POST', body })

at('sign-in').onsubmit = async (event) => {
  event.preventDefault()
  show(await post('/sign-in', new FormData(event.target).get('name')))
}
show(await fetch('/me'))

async function show(answer) {
  at('sign-in').hidden = answer.ok
  document.querySelector('main').hidden = !answer.ok
  if (answer.ok) talkTo((await answer.json()).relay)
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
  const rows = new Map()
  const row = (id, role, text) => {
    if (!rows.has(id)) rows.set(id, at('lines').appendChild(Object.assign(document.createElement('li'), { className: role })))
    rows.get(id).textContent = text
  }
  const told = () => {
    at('state').textContent = relay.state
    at('talk').textContent = relay.listening ? 'Mute' : 'Talk'
  }
  told()
  relay.on('state', (state) => {
    if (state === 'open') at('problem').textContent = ''
    told()
  })
  relay.on('problem', ({ message, advice }) => {
    at('problem').textContent = `${message} ${advice}`
    told()
  })
  relay.on('speaking', (speaking) => {
    at('stop').disabled = !speaking
  })
  relay.on('conversation.item.added', ({ item }) => {
    if (item.type === 'message') row(item.id, item.role, item.content.map((part) => part.text ?? part.transcript ?? '').join(''))
  })
  relay.on('conversation.item.input_audio_transcription.completed', (event) => row(event.item_id, 'user', event.transcript))
  relay.on('response.output_audio_transcript.delta', (event) => row(event.item_id, 'assistant', (rows.get(event.item_id)?.textContent ?? '') + event.delta))

  at('talk').onclick = async () => {
    if (relay.listening) relay.mute()
    else await relay.talk()
    told()
  }
  at('stop').onclick = () => relay.interrupt()
  at('say').onsubmit = async (event) => {
    event.preventDefault()
    const text = new FormData(event.target).get('text')
    event.target.reset()
    await relay.open()
    relay.say(text)
  }
}
