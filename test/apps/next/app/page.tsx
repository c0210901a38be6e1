// Who you are, then the conversation.
import { refused, signIn, user } from '../lib/session'
import { Talk } from './talk'

async function take(form: FormData) {
  'use server'
  const name = String(form.get('name')).trim()
  if (/^[\w .@-]{1,40}$/.test(name)) await signIn(name)
}

export default async function Page() {
  if (await user()) return <Talk url={process.env.RELAY_URL ?? ''} />
  const why = refused()
  if (why !== undefined) return <p role="alert">{why}</p>
  return (
    <form action={take}>
      <input name="name" aria-label="Your name" placeholder="Your name" required /> <button type="submit">Sign in</button>
    </form>
  )
}
