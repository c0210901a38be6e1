// The conversation: what was said, and what you can do. It runs in the browser; on the server it is a picture of a closed one.
'use client'

import type { FormEvent } from 'react'
import { useRelay } from 'realtime-relay/react'

async function token() {
  const answer = await fetch('/token', { method: 'POST' })
  if (!answer.ok) throw new Error('Sign in again.')
  return (await answer.json()).token as string
}

export function Talk({ url }: { readonly url: string }) {
  const { state, problem, listening, speaking, lines, talk, mute, say, interrupt } = useRelay({ url, token })
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    say(String(new FormData(event.currentTarget).get('text')))
    event.currentTarget.reset()
  }
  return (
    <main>
      <p role="status">{state}</p>
      <ol style={{ padding: 0, listStyle: 'none' }}>
        {lines.map(({ id, role, text }) => (
          <li key={id} className={role} style={role === 'user' ? { textAlign: 'right', color: '#456' } : {}}>
            {text}
          </li>
        ))}
      </ol>
      {problem && (
        <p role="alert">
          {problem.message} {problem.advice}
        </p>
      )}
      <button type="button" onClick={listening ? mute : talk}>
        {listening ? 'Mute' : 'Talk'}
      </button>{' '}
      <button type="button" onClick={interrupt} disabled={!speaking}>
        Stop the answer
      </button>
      <form onSubmit={send}>
        <input name="text" aria-label="Your message" placeholder="Type instead" required /> <button type="submit">Send</button>
      </form>
    </main>
  )
}
