// How a client comes back, at the door: what it brings, what is said of it, and what never is.
import { afterEach, describe, expect, it } from 'vitest'
import type { Link } from '../../src/ports/link.js'
import type { ResumeRequest } from '../../src/ports/resume.js'
import { connectClient, type Refused } from '../support/realtime-client.js'
import { type Front, startFront, token } from './front.js'

const TOKEN = `${'i'.repeat(22)}.${'s'.repeat(43)}`
let front: Front
afterEach(() => front.close())

const come = async (options: object) => connectClient(`${front.ws}/v1/realtime`, await token(), options)
const refusal = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'let in',
    (error: Refused) => [error.status, (JSON.parse(error.body) as { error: { code: string } }).error.code].join(' '),
  )

async function frontThat(attaches: (link: Link) => boolean, deps: object = {}): Promise<ResumeRequest[]> {
  const asked: ResumeRequest[] = []
  const claim = (request: ResumeRequest) => {
    asked.push(request)
    return { sessionId: 'sess-of-old', attach: attaches }
  }
  front = await startFront({ deps: { resume: { claim, endOldestAway: () => false }, ...deps } })
  return asked
}
const greet = (link: Link) => {
  // A link begins paused: unread, it would not hear that its client leaves.
  link.resume()
  link.send('{"type":"relay.resumed"}')
  return true
}

describe('a client that comes back', () => {
  it.each([
    ['header', { headers: { 'x-relay-resume': `${TOKEN}.17` } }, ''],
    ['subprotocol', { protocols: ['realtime', `relay-resume.${TOKEN}.17`] }, 'realtime'],
  ])('brings its token in a %s; it is neither answered nor logged', async (_way, options, answered) => {
    const asked = await frontThat(greet)
    const client = await come(options)
    await client.next('relay.resumed')
    expect(asked).toEqual([{ token: TOKEN, received: 17 }])
    expect(client.subprotocol).toBe(answered)
    expect(front.sessions.size).toBe(0)
    expect(front.leases()).toBe(0)
    expect(front.logs()).toContain('sess-of-old')
    expect(front.logs()).not.toContain('sss')
    client.close()
  })

  it('finds its place also when there is no memory for another session', async () => {
    await frontThat(greet, { overloaded: () => true })
    expect(await refusal(come({}))).toBe('503 overloaded')
    const client = await come({ headers: { 'x-relay-resume': `${TOKEN}.0` } })
    await client.next('relay.resumed')
    client.close()
  })

  it('is told that its session is over, if that ended while it was let in', async () => {
    await frontThat(() => false)
    const client = await come({ headers: { 'x-relay-resume': `${TOKEN}.0` } })
    expect(await client.closed()).toEqual({ code: 4410, reason: 'resume_unknown: new_session' })
  })

  it.each([
    ['nonsense', { headers: { 'x-relay-resume': 'nonsense' } }],
    ['a count that is none', { headers: { 'x-relay-resume': `${TOKEN}.-1` } }],
    ['two of them', { headers: { 'x-relay-resume': `${TOKEN}.0` }, protocols: ['realtime', `relay-resume.${TOKEN}.0`] }],
  ])('is refused with %s, before anything is looked up', async (_what, options) => {
    const asked = await frontThat(greet)
    expect(await refusal(come(options))).toBe('400 bad_request')
    expect(asked).toEqual([])
  })

  it('is refused where nobody comes back', async () => {
    front = await startFront({})
    expect(await refusal(come({ headers: { 'x-relay-resume': `${TOKEN}.0` } }))).toBe('410 resume_unknown')
  })
})
