// Twilio's webhook and its question what next, over real sockets: who is answered, with what, and who is not.
import { afterEach, describe, expect, it } from 'vitest'
import { Secret } from '../../../../src/config/secret.js'
import { mayTryAgain, RefusalError, refusalCodes } from '../../../../src/core/protocol/errors.js'
import { raw } from '../../front.js'
import { ACCOUNT, createBooks, fakeDesk, type Lab, PUBLIC, ringForm, sign, startLab, TOKEN, ticketIn } from './lab.js'

const labs: Lab[] = []
const lab = async (options?: Parameters<typeof startLab>[0]) => {
  const started = await startLab(options)
  labs.push(started)
  return started
}
afterEach(async () => {
  for (const one of labs.splice(0)) await one.close()
})

const VOICE = '/telephony/twilio/voice'
const AFTER = '/telephony/twilio/after'
const XML = '<?xml version="1.0" encoding="UTF-8"?>'

describe('the webhook', () => {
  it('answers a signed ring with the stream and a ticket, and has a session opened', async () => {
    const { desk, post } = await lab()
    const form = ringForm({ 'SipHeader_X-Trunk': 'a', SipHeader_X_Odd: 'b' })
    const answer = await post(VOICE, form)
    expect(answer).toEqual({
      status: 200,
      type: 'text/xml; charset=utf-8',
      text: `${XML}<Response><Connect action="https://phone.example/telephony/twilio/after" method="POST"><Stream url="wss://phone.example/telephony/twilio/media"><Parameter name="ticket" value="${desk.issued[0]}"/></Stream></Connect></Response>`,
    })
    expect(desk.calls.map(({ ring }) => ring)).toEqual([
      { carrier: 'twilio', carrierCallId: `${ACCOUNT}/${form.CallSid}`, from: '+14155550100', to: '+14155550199', headers: { 'x-trunk': 'a', x_odd: 'b' } },
    ])
    expect(desk.calls[0]?.framing.format).toBe('pcmu')
  })

  it.each([
    ['anonymous', undefined],
    ['Restricted', undefined],
    ['', undefined],
    ['+266696687', undefined],
    ['+7378742833', undefined],
    ['+2562533', undefined],
    ['+8656696', undefined],
    ['+86282452253', undefined],
    ['sip:alice@pbx.example', undefined],
    ['client:alice', undefined],
    ['14155550100', undefined],
    ['+4930123456', '+4930123456'],
  ])('takes %s for the caller %s', async (from, expected) => {
    const { desk, post } = await lab()
    expect((await post(VOICE, ringForm({ From: from }))).status).toBe(200)
    expect(desk.calls[0]?.ring.from).toBe(expected)
  })

  it('names the user of a SIP address that was called', async () => {
    const { desk, post } = await lab()
    await post(VOICE, ringForm({ To: 'sip:sales@mine.sip.twilio.com;transport=tls' }))
    expect(desk.calls[0]?.ring.to).toBe('sales')
  })

  it('keeps bounded headers alone', async () => {
    const { desk, post } = await lab()
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`SipHeader_x-${index}`, String(index)]))
    await post(VOICE, ringForm({ 'SipHeader_x-long': 'a'.repeat(257), [`SipHeader_${'n'.repeat(65)}`]: 'a', 'SipHeader_x-line': 'a\nb', ...many }))
    const names = Object.keys(desk.calls[0]?.ring.headers ?? {})
    expect(names).toHaveLength(20)
    expect(names.every((name) => /^x-\d+$/.test(name))).toBe(true)
  })

  it('says the same to a request that comes twice, at once or later, and opens one session', async () => {
    const { desk, post } = await lab()
    const form = ringForm()
    const answers = await Promise.all([post(VOICE, form), post(VOICE, form), post(VOICE, form)])
    answers.push(await post(VOICE, form))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(desk.calls).toHaveLength(1)
    expect(desk.issued).toHaveLength(1)
  })

  it('says the same if the second comes to another instance', async () => {
    const books = createBooks()
    const [one, two] = [await lab({ books }), await lab({ books })]
    const form = ringForm()
    const [first, second] = await Promise.all([one.post(VOICE, form), two.post(VOICE, form)])
    expect(second.text).toBe(first.text)
    expect((await two.post(VOICE, form)).text).toBe(first.text)
    expect(one.desk.calls.length + two.desk.calls.length).toBe(1)
  })

  it('refuses a call in words of Twilio, never over HTTP, whatever the reason', async () => {
    let code: RefusalError | undefined
    const { post, desk } = await lab({ refuse: () => code })
    for (const each of refusalCodes()) {
      code = new RefusalError(each, 'test')
      const answer = await post(VOICE, ringForm())
      expect(answer, each).toMatchObject({ status: 200, text: `${XML}<Response><Reject reason="${mayTryAgain(each) ? 'busy' : 'rejected'}"/></Response>` })
    }
    expect(desk.calls).toEqual([])
  })

  it('refuses a call if the desk fails', async () => {
    const { post } = await lab({
      refuse: () => {
        throw new Error('broken')
      },
    })
    expect(await post(VOICE, ringForm())).toMatchObject({ status: 200, text: `${XML}<Response><Reject reason="busy"/></Response>` })
  })

  it('lets a session go for which no ticket can be made', async () => {
    const books = createBooks()
    const desk = fakeDesk(books)
    const { post } = await lab({ books, deps: { desk: { ...desk, ticketFor: () => Promise.reject(new Error('broken')) } } })
    expect((await post(VOICE, ringForm())).text).toContain('<Reject reason="busy"/>')
    expect(desk.calls.map(({ isOver }) => isOver)).toEqual([true])
  })

  it('hangs up calls that somebody makes outwards', async () => {
    const { post, desk } = await lab()
    expect((await post(VOICE, ringForm({ Direction: 'outbound-api' }))).text).toContain('<Hangup/>')
    expect(desk.calls).toEqual([])
  })
})

describe('who is refused at the webhooks', () => {
  const url = `${PUBLIC}${VOICE}`
  const form = ringForm()
  const attempts: readonly (readonly [string, (path: string, other: string) => Parameters<Lab['post']>[2]])[] = [
    ['no signature', () => ({ signature: undefined })],
    ['an empty signature', () => ({ signature: '' })],
    ['a signature of another token', (path) => ({ signature: sign(`${PUBLIC}${path}`, form, 'f'.repeat(32)) })],
    ['a signature of another form', (path) => ({ signature: sign(`${PUBLIC}${path}`, { ...form, From: '+1900' }) })],
    ['a signature of no form', (path) => ({ signature: sign(`${PUBLIC}${path}`) })],
    ['a signature over http', (path) => ({ signature: sign(`http://phone.example${path}`, form) })],
    ['a signature over the other webhook', (_path, other) => ({ signature: sign(`${PUBLIC}${other}`, form) })],
    [
      'a signature over the address that the headers name',
      (path) => ({ signature: sign(`https://evil.example${path}`, form), headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' } }),
    ],
    ['a body changed after signing', () => ({ body: new URLSearchParams({ ...form, From: '+19005550100' }).toString() })],
    ['a body that grew after signing', () => ({ body: `${new URLSearchParams(form)}&From=%2B19005550100` })],
    ['no body', () => ({ body: '' })],
  ]
  describe.each([
    [VOICE, AFTER],
    [AFTER, VOICE],
  ])('%s', (path, other) => {
    it.each(attempts)('%s: 403, without a reason, and nobody is asked', async (_what, optionsFor) => {
      const { desk, post } = await lab()
      const answer = await post(path, form, optionsFor(path, other))
      expect(answer.status).toBe(403)
      expect(JSON.parse(answer.text)).toEqual({ error: { type: 'permission_error', code: 'forbidden', message: 'This is not allowed here.' } })
      expect(desk.calls).toEqual([])
      expect((await post(path, form)).status).toBe(200)
    })
  })

  it('another account than the configured one, and one that comes twice', async () => {
    const { desk, post } = await lab({ deps: { config: { authTokens: [new Secret(TOKEN)], accountSid: ACCOUNT } } })
    expect((await post(VOICE, ringForm({ AccountSid: `AC${'9'.repeat(32)}` }))).status).toBe(403)
    const twice = ringForm()
    const body = `${new URLSearchParams(twice)}&AccountSid=${ACCOUNT}`
    expect((await post(VOICE, twice, { body })).status).toBe(400)
    expect(desk.calls).toEqual([])
    expect((await post(VOICE, ringForm())).status).toBe(200)
  })

  it.each([{ CallSid: '' }, { CallSid: 'a/b' }, { AccountSid: '' }, { CallSid: 'C'.repeat(65) }])('a form without what a call has: %o', async (fields: Record<string, string>) => {
    const { desk, post } = await lab()
    expect((await post(VOICE, ringForm(fields))).status).toBe(400)
    expect(desk.calls).toEqual([])
  })

  it('a body of more than 16 KiB, said or not, and of another type', async () => {
    const { desk, front, post } = await lab()
    const big = ringForm({ Filler: 'x'.repeat(16_384) })
    expect((await post(VOICE, big)).status).toBe(413)
    const head = `POST ${VOICE} HTTP/1.1\r\nHost: relay\r\nX-Twilio-Signature: ${sign(`${PUBLIC}${VOICE}`, big)}\r\nContent-Type: application/x-www-form-urlencoded\r\n`
    // Only announced: the answer comes before the body.
    expect(await raw(front.port, `${head}Content-Length: 99999\r\n\r\n`, '\r\n\r\n')).toMatch(/^HTTP\/1\.1 413 /)
    const chunk = 'x'.repeat(20_000)
    expect(await raw(front.port, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.length.toString(16)}\r\n${chunk}\r\n0\r\n\r\n`, '\r\n\r\n')).toMatch(/^HTTP\/1\.1 413 /)
    expect((await post(VOICE, ringForm(), { headers: { 'content-type': 'application/json' } })).status).toBe(415)
    expect(desk.calls).toEqual([])
  })

  it('two signature headers, of which one is right', async () => {
    const { front, desk } = await lab()
    const body = new URLSearchParams(form).toString()
    const header = `X-Twilio-Signature: ${sign(url, form)}\r\n`
    const request = `POST ${VOICE} HTTP/1.1\r\nHost: relay\r\n${header}${header}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    expect(await raw(front.port, request, '\r\n\r\n')).toMatch(/^HTTP\/1\.1 403 /)
    expect(desk.calls).toEqual([])
  })

  it('nobody, while two tokens are in force', async () => {
    const { post } = await lab({ deps: { config: { authTokens: [new Secret('a'.repeat(32)), new Secret(TOKEN)], accountSid: undefined } } })
    const [one, two] = [ringForm(), ringForm()]
    expect((await post(VOICE, one)).status).toBe(200)
    expect((await post(VOICE, two, { signature: sign(url, two, 'a'.repeat(32)) })).status).toBe(200)
  })
})

describe('the question what next', () => {
  it('is answered with the end if nothing is known of the call, or if it is over', async () => {
    const { post, desk } = await lab()
    expect((await post(AFTER, ringForm({ CallStatus: 'in-progress' }))).text).toBe(`${XML}<Response><Hangup/></Response>`)
    const form = ringForm()
    await post(VOICE, form)
    expect((await post(AFTER, { ...form, CallStatus: 'completed' })).text).toContain('<Hangup/>')
    expect(desk.calls[0]?.isOver).toBe(true)
  })

  it('has another stream for a lost one, once, with a ticket of its own', async () => {
    const { post, desk } = await lab()
    const form = ringForm()
    const first = ticketIn((await post(VOICE, form)).text)
    const second = ticketIn((await post(AFTER, { ...form, CallStatus: 'in-progress' })).text)
    expect(second).not.toBe('')
    expect(second).not.toBe(first)
    expect(desk.calls).toHaveLength(1)
    expect((await post(AFTER, { ...form, CallStatus: 'in-progress' })).text).toContain('<Hangup/>')
  })

  it('is answered the same if it is repeated under its name', async () => {
    const { post } = await lab()
    const form = ringForm()
    await post(VOICE, form)
    const after = { ...form, CallStatus: 'in-progress' }
    const ask = (name: string) => post(AFTER, after, { headers: { 'i-twilio-idempotency-token': name } })
    const answer = await ask('one')
    expect(answer.text).toContain('<Stream')
    expect(await ask('one')).toEqual(answer)
    expect((await ask('two')).text).toContain('<Hangup/>')
  })

  it('has a session on another instance, if the one that had the call is gone', async () => {
    const books = createBooks()
    const [one, two] = [await lab({ books }), await lab({ books })]
    const form = ringForm()
    await one.post(VOICE, form)
    expect(ticketIn((await two.post(AFTER, { ...form, CallStatus: 'in-progress' })).text)).not.toBe('')
    expect(two.desk.calls.map(({ ring }) => ring)).toEqual(one.desk.calls.map(({ ring }) => ring))
    expect((await one.post(AFTER, { ...form, CallStatus: 'in-progress' })).text).toContain('<Hangup/>')
  })

  it('is answered with the end if the session ended by itself before its media came', async () => {
    const { post, desk } = await lab()
    const form = ringForm()
    await post(VOICE, form)
    await desk.calls[0]?.line.hangUp()
    expect((await post(AFTER, { ...form, CallStatus: 'in-progress' })).text).toContain('<Hangup/>')
  })

  it('is answered with the end, not with a rejection, if nobody may come in any more', async () => {
    let isFull = false
    const books = createBooks()
    const one = await lab({ books })
    const two = await lab({ books, refuse: () => (isFull ? new RefusalError('overloaded', 'test') : undefined) })
    const form = ringForm()
    await one.post(VOICE, form)
    isFull = true
    expect((await two.post(AFTER, { ...form, CallStatus: 'in-progress' })).text).toBe(`${XML}<Response><Hangup/></Response>`)
  })
})
