// A simulated Twilio: rings a relay by its webhook, with signatures over the address that the relay has in public, and does what its TwiML says.
import { createHmac, randomBytes } from 'node:crypto'
import type { RingOptions, SimulatedCarrier } from './carrier.js'
import { createTwilioCall, type TwilioCall, type TwilioCallOptions, type TwilioNames } from './twilio-call.js'

export interface TwilioOptions extends TwilioCallOptions {
  /** Where the relay listens. */
  readonly relayUrl: string
  /** The address that the relay has in public, over which everything is signed. It is not dialled. If absent, `relayUrl`. */
  readonly publicUrl?: string
  readonly authToken: string
  readonly accountSid: string
}

export interface TwilioRing extends RingOptions, TwilioCallOptions {
  /** How often the webhook is asked for this ring, at once. */
  readonly copies?: number
}

export interface Answered {
  readonly status: number
  readonly text: string
}

export interface SimulatedTwilio extends SimulatedCarrier {
  ring(options: TwilioRing): Promise<TwilioCall>
  /** The form of a ring that is not sent. */
  form(options: RingOptions, names?: TwilioNames): Readonly<Record<string, string>>
  /** Asks the relay. `signature` replaces the right one; undefined: none. */
  post(path: string, form: Readonly<Record<string, string>>, proof?: { readonly signature: string | undefined }): Promise<Answered>
  /** Twilio's signature of a request to this address, with this form. */
  sign(address: string, form?: Readonly<Record<string, string>>): string
}

const VOICE = '/telephony/twilio/voice'
const REQUEST_MS = 15_000
/** Twilio's stand-in for a number that is withheld. */
const WITHHELD = '+266696687'

export function createTwilio(options: TwilioOptions): SimulatedTwilio {
  const { relayUrl, publicUrl = relayUrl, authToken, accountSid } = options
  const base = publicUrl.replace(/\/+$/, '')
  const calls = new Set<TwilioCall>()
  const sid = (letters: string) => letters + randomBytes(16).toString('hex')
  const newNames = (): TwilioNames => ({ accountSid, callSid: sid('CA') })

  const sign: SimulatedTwilio['sign'] = (address, form = {}) => {
    const names = Object.keys(form).sort()
    return createHmac('sha1', authToken)
      .update(address + names.map((name) => name + form[name]).join(''))
      .digest('base64')
  }

  /** The same path at the address where the relay listens. */
  function reach(address: string): string {
    const { pathname, search, protocol } = new URL(address)
    const url = new URL(pathname + search, relayUrl)
    if (protocol === 'ws:' || protocol === 'wss:') url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    return url.href
  }

  async function ask(address: string, form: Readonly<Record<string, string>>, proof = { signature: sign(address, form) as string | undefined }): Promise<Answered> {
    const response = await fetch(reach(address), {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
        'i-twilio-idempotency-token': sid(''),
        ...(proof.signature === undefined ? {} : { 'x-twilio-signature': proof.signature }),
      },
      body: new URLSearchParams(form).toString(),
      signal: AbortSignal.timeout(REQUEST_MS),
    })
    return { status: response.status, text: await response.text() }
  }

  const form: SimulatedTwilio['form'] = ({ from, to, headers = {} }, names = newNames()) => ({
    CallSid: names.callSid,
    AccountSid: names.accountSid,
    From: from ?? WITHHELD,
    To: to,
    Direction: 'inbound',
    CallStatus: 'ringing',
    ApiVersion: '2010-04-01',
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [`SipHeader_${name}`, value])),
  })

  return {
    form,
    sign,
    post: (path, fields, proof) => ask(base + path, fields, proof),
    async ring(ring) {
      const names = newNames()
      const fields = form(ring, names)
      const call = createTwilioCall({
        ...options,
        ...ring,
        names,
        reach,
        signature: (address) => sign(address),
        newStreamSid: () => sid('MZ'),
        async ask(url, status) {
          const { status: code, text } = await ask(url, { ...fields, CallStatus: status })
          if (code !== 200) throw new Error(`the relay answered the question what next with status ${code}`)
          return text
        },
        onOver: () => void calls.delete(call),
      })
      calls.add(call)
      try {
        const answers = await Promise.all(Array.from({ length: ring.copies ?? 1 }, () => ask(base + VOICE, fields)))
        const refused = answers.find(({ status }) => status !== 200)
        if (refused) call.fail(`the relay answered the ring with status ${refused.status}`)
        else if (answers.some(({ text }) => text !== answers[0]?.text)) call.fail('the relay answered one ring in two ways')
        else void call.obey(answers[0]?.text ?? '')
      } catch {
        call.fail('the relay cannot be reached')
      }
      return call
    },
    async close() {
      await Promise.all([...calls].map((call) => call.hangUp()))
    },
  }
}
