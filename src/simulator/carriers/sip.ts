// A simulated SIP trunk: its calls ring at a simulator, which announces each to the relay by a signed webhook, as the service does.
import { createHmac, randomBytes } from 'node:crypto'
import type { Simulator } from '../options.js'
import type { SipCaller } from '../sip/caller.js'
import type { CarrierCall, RingOptions, SimulatedCarrier } from './carrier.js'

export interface SipOptions {
  /** The relay's upstream: the caller's voice goes there and never to the relay. */
  readonly simulator: Pick<Simulator, 'ringBySip'>
  /** The relay's own address, or its webhook's. Looked at when it is needed: a relay may be told the simulator's address first. */
  readonly relayUrl: string
  /** `whsec_` and base64, as the relay has it. */
  readonly secret: string
}

/** How one ring is announced. */
export interface SipRing extends RingOptions {
  /** How often the same webhook is delivered. */
  readonly copies?: number
  /** Seconds by which its time differs from now. */
  readonly offsetSeconds?: number
  /** Instead of the carrier's. */
  readonly secret?: string
  /** Default: `realtime.call.incoming`. */
  readonly type?: string
}

export interface SimulatedSip extends SimulatedCarrier {
  ring(options: SipRing): Promise<CarrierCall>
}

const PATH = '/telephony/sip/webhook'
const MEDIA_MS = 15_000
/** A service that hears of trouble announces again. */
const RETRIES = 5
const RETRY_MS = 500
const WEBHOOK_MS = 10_000

export function createSip(options: SipOptions): SimulatedSip {
  const callers = new Set<SipCaller>()
  return {
    async ring(ring) {
      const caller = options.simulator.ringBySip()
      callers.add(caller)
      void caller.ended.then(() => callers.delete(caller))
      const announced = announce(options, ring, caller.callId)
      announced.catch(() => caller.hangUp())
      return callOf(caller, announced)
    },
    async close() {
      for (const caller of callers) caller.hangUp()
    },
  }
}

function callOf(caller: SipCaller, announced: Promise<void>): CarrierCall {
  const connected = connection(caller, announced)
  connected.catch(() => undefined)
  return {
    connected,
    say: (audio) => caller.voice.say(audio),
    press: caller.press,
    async hangUp() {
      caller.hangUp()
      await caller.ended
    },
    // The trunk's packets are lost on their way; the relay has no socket of them.
    loseMedia: caller.loseMedia,
    heard: () => caller.ear.heard(),
    get queuedMs() {
      return caller.ear.queuedMs
    },
    get clearedAt() {
      return caller.ear.clears.map(({ at }) => at)
    },
    ended: caller.ended.then((end) => {
      if (end.type === 'transferred') return { by: 'relay', transferredTo: end.target }
      return { by: end.type === 'over' ? end.by : 'relay' }
    }),
  }
}

async function connection(caller: SipCaller, announced: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nobody accepted the call within ${MEDIA_MS / 1000} s`)), MEDIA_MS)
  })
  const refused = caller.ended.then((end) => {
    throw new Error(end.type === 'rejected' ? `rejected with SIP status ${end.sipStatus}` : 'over before it was accepted')
  })
  const failed = announced.then(() => new Promise<never>(() => undefined))
  try {
    await Promise.race([caller.accepted, failed, refused, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Rejects with the HTTP status of a relay that does not take it. */
async function announce({ relayUrl, secret }: SipOptions, ring: SipRing, callId: string): Promise<void> {
  const url = new URL(PATH, relayUrl)
  const timestamp = Math.floor(Date.now() / 1000) + (ring.offsetSeconds ?? 0)
  const body = JSON.stringify({
    object: 'event',
    id: `evt_${randomBytes(16).toString('hex')}`,
    type: ring.type ?? 'realtime.call.incoming',
    created_at: timestamp,
    data: { call_id: callId, sip_headers: sipHeaders(ring, callId) },
  })
  const webhookId = `wh_${randomBytes(16).toString('hex')}`
  const signature = createHmac('sha256', keyOf(ring.secret ?? secret))
    .update(`${webhookId}.${timestamp}.${body}`)
    .digest('base64')
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'realtime-relay-simulator',
    'webhook-id': webhookId,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  }
  await Promise.all(Array.from({ length: ring.copies ?? 1 }, () => deliver(url, headers, body)))
}

async function deliver(url: URL, headers: Record<string, string>, body: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const answer = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal: AbortSignal.timeout(WEBHOOK_MS) })
    await answer.body?.cancel()
    if (answer.status >= 200 && answer.status < 300) return
    if (answer.status < 500 || attempt >= RETRIES) throw new Error(`refused with ${answer.status}`)
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret)
}

function sipHeaders({ from, to, headers = {} }: RingOptions, callId: string): readonly { readonly name: string; readonly value: string }[] {
  const caller = from === undefined ? '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1' : `<sip:${from}@trunk.example>;tag=1`
  const sip = { From: caller, To: `<sip:${to}@sip.example>`, 'Call-ID': `${callId}@trunk.example`, ...headers }
  return Object.entries(sip).map(([name, value]) => ({ name, value }))
}
