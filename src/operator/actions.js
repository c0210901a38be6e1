// Ends a call, all calls of a user, or revokes a user: after a question that names the user, who is asked for again before a revocation.
import { byId, setText } from './dom.js'
import { ask } from './stream.js'

const WORDS = { end: 'End this call', 'end-user': 'End all calls', revoke: 'Revoke' }

/** `tokenOf`: the operator's token. `told`: says what became of it. */
export function initActions(tokenOf, told) {
  const dialog = byId('act')
  const form = byId('act-form')
  let current

  const wanted = () => form.elements.what.value

  function update() {
    const revokes = wanted() === 'revoke'
    byId('revoke').hidden = !revokes
    const go = byId('act-go')
    setText(go, WORDS[wanted()])
    go.disabled = !current || (wanted() !== 'end' && current.subject === undefined) || (revokes && byId('again').value !== current.subject)
  }

  function problem(text) {
    byId('act-problem').hidden = text === ''
    setText(byId('act-problem'), text)
  }

  form.addEventListener('input', update)
  byId('act-cancel').addEventListener('click', () => dialog.close())
  // It comes late: by then the next question may be open.
  dialog.addEventListener('close', () => {
    if (!dialog.open) current = undefined
  })
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    if (!current || byId('act-go').disabled) return
    const { id, subject } = current
    const what = wanted()
    byId('act-go').disabled = true
    try {
      told(await act(tokenOf(), what, id, subject))
      dialog.close()
    } catch (error) {
      problem(error.message)
      update()
    }
  })

  return async function open(id, { user }) {
    current = { id, subject: undefined }
    form.reset()
    problem('')
    setText(byId('act-title'), `Session ${id}`)
    setText(byId('act-about'), `User ${user}.`)
    update()
    dialog.showModal()
    try {
      const { subject, tenant } = await ask(tokenOf(), 'GET', `/sessions/${encodeURIComponent(id)}`)
      if (current?.id !== id) return
      current.subject = subject
      setText(byId('act-about'), `User ${user}: ${subject}${tenant ? `, of ${tenant}` : ''}.`)
    } catch (error) {
      if (current?.id === id) problem(error.message)
    }
    update()
  }
}

async function act(token, what, id, subject) {
  if (what === 'end') return ended(await ask(token, 'POST', `/sessions/${encodeURIComponent(id)}/end`))
  if (what === 'end-user') return ended(await ask(token, 'POST', `/users/${encodeURIComponent(subject)}/end`))
  const untilSeconds = Math.floor(Date.now() / 1000) + Number(byId('revoke-for').value)
  const { everywhere, until } = await ask(token, 'POST', '/revoke', { subject, untilSeconds })
  return `Revoked until ${new Date(until).toLocaleString('en-GB')}${everywhere ? '.' : ', on this relay only: Redis does not answer.'}`
}

function ended({ ended: calls, asked, answered }) {
  const where = answered === asked ? '' : ` ${asked - answered} of ${asked} relays did not answer: ask again.`
  return `${calls} ${calls === 1 ? 'call' : 'calls'} ended.${where}`
}
