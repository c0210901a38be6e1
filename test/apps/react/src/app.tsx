// Who you are, then the conversation. The sign-in is a stand-in for your own.
import { type FormEvent, useEffect, useState } from 'react'
import { Talk } from './talk'

interface User {
  readonly name?: string
  readonly relay: string
  readonly error?: string
}

const ask = async (path: string, init?: RequestInit): Promise<User> => (await fetch(path, init)).json()

export function App() {
  const [user, setUser] = useState<User>()
  useEffect(() => void ask('/me').then(setUser), [])
  const signIn = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    void ask('/sign-in', { method: 'POST', body: String(new FormData(event.currentTarget).get('name')) }).then(setUser)
  }
  if (!user) return null
  if (user.name !== undefined) return <Talk url={user.relay} />
  return (
    <form onSubmit={signIn}>
      <input name="name" aria-label="Your name" placeholder="Your name" required /> <button type="submit">Sign in</button>
      {user.error && <p role="alert">{user.error}</p>}
    </form>
  )
}
