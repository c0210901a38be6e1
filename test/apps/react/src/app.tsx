// Who you are, then the conversation. The sign-in is a stand-in for your own.
import { type FormEvent, useEffect, useState } from 'react'
import { Talk } from './talk'

interface User {
  readonly name: string
  readonly relay: string
}

const signed = async (answer: Response): Promise<User | 'nobody'> => (answer.ok ? answer.json() : 'nobody')

export function App() {
  const [user, setUser] = useState<User | 'unknown' | 'nobody'>('unknown')
  useEffect(() => void fetch('/me').then(signed).then(setUser), [])
  const signIn = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    void fetch('/sign-in', { method: 'POST', body: String(new FormData(event.currentTarget).get('name')) })
      .then(signed)
      .then(setUser)
  }
  if (user === 'unknown') return null
  if (user !== 'nobody') return <Talk url={user.relay} />
  return (
    <form onSubmit={signIn}>
      <input name="name" aria-label="Your name" placeholder="Your name" required /> <button type="submit">Sign in</button>
    </form>
  )
}
