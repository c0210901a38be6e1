// The same conversations by each carrier whose sound goes through the relay: tools, keys, interruption, transfer, goodbye, time, lost sockets and doubled events.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, type onTestFinished } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { CarrierCall } from '../../src/simulator/carriers/carrier.js'
import { firstSoundMs } from '../../src/simulator/carriers/placed-call.js'
import { createTwilio } from '../../src/simulator/carriers/twilio.js'
import { speakInTones } from '../../src/simulator/speech-tones.js'
import { hasEspeak, speechPcm } from '../support/speech.js'
import { heardAll, heardOf, LINES, SEEN, SETTLED } from './ear.js'
import { CALLED, CALLER, eventually, openPhoneLab, type PhoneLab, quiet } from './phone-lab.js'

const VOICE = { voice: 'alloy', speed: 1 }
const STORY =
  'Once upon a time there was a lamp on a rock in the sea, and every night it burned for the ships that came home from far away with wool and wine and letters for the people of the town.'
const GOODBYE = 'Goodbye, and thank you for calling the harbour tonight.'
const TOKEN = '0123456789abcdef0123456789abcdef'
const ACCOUNT = 'AC0123456789abcdef0123456789abcdef'

type RingedCall = CarrierCall & { readonly sockets: number }
interface Lab {
  readonly lab: PhoneLab
  ring(copies?: number): Promise<RingedCall>
}

/** Words that have begun by then. */
const wordsBy = (ms: number) => speakInTones(STORY, VOICE).words.filter(({ startMs }) => startMs < ms).length
/** Spoken beforehand: the program would hold up everything that is measured here. */
const SAID = ['Tell me a story', 'Stop', 'Hello', 'Hello again', 'Wait', 'What is the weather', 'Goodbye', 'Give me a stranger', 'Give me the desk'] as const
const spoken = new Map(SAID.map((text) => [text, hasEspeak() ? speechPcm(text, { beforeMs: 0, afterMs: 0 }) : Buffer.alloc(0)] as const))
const speech = (text: (typeof SAID)[number]) => spoken.get(text) ?? Buffer.alloc(0)

let backEnd: Server
let backEndUrl: string
const asked: { readonly url: string; readonly keys: string }[] = []
beforeAll(async () => {
  backEnd = createServer((request, response) => {
    asked.push({ url: request.url ?? '', keys: String(request.headers['x-keys'] ?? '') })
    request.resume().on('end', () => response.end('cloudy'))
  }).listen(0, '127.0.0.1')
  await once(backEnd, 'listening')
  backEndUrl = `http://127.0.0.1:${(backEnd.address() as AddressInfo).port}`
})
afterAll(() => backEnd.close())

describe.skipIf(!hasEspeak()).each(['acs', 'twilio'] as const)(`a call by %s${hasEspeak() ? '' : ' (skipped: espeak-ng is absent)'}`, { timeout: 90_000 }, (carrier) => {
  const sound = (text: string) => LINES[carrier](speakInTones(text, VOICE).pcm)
  /** `finished`: the hook of the test, since tests here run beside each other. */
  async function start(finished: typeof onTestFinished, profile: object, script: object, speed = 1): Promise<Lab> {
    const tools = [
      {
        type: 'function',
        name: 'get_weather',
        description: 'The weather.',
        parameters: { type: 'object', properties: {} },
        run: { http: { method: 'GET', url: `${backEndUrl}/${carrier}`, headers: { 'x-keys': '{{keys}}' } } },
      },
    ]
    const lab = await openPhoneLab({
      profile: { session: { audio: { output: { voice: VOICE.voice } } }, ...profile },
      tools,
      simulator: { script: script as never, speed },
      telephony: { twilio: { authTokens: [new Secret(TOKEN)], accountSid: ACCOUNT } },
    })
    const twilio = createTwilio({ relayUrl: lab.url, authToken: TOKEN, accountSid: ACCOUNT })
    finished(async () => {
      await twilio.close()
      await lab.close()
    })
    return {
      lab,
      async ring(copies = 1) {
        const call = await (carrier === 'acs' ? lab.acs : twilio).ring({ from: CALLER, to: CALLED, copies })
        await call.connected
        return call
      },
    }
  }

  async function ask(call: CarrierCall, words: (typeof SAID)[number]): Promise<void> {
    let [isSaid, isAnswered] = [false, false]
    void call.say(speech(words)).then(() => {
      isSaid = true
    })
    // A short answer may come and go while a busy machine still sends the end of the question.
    await eventually('an answer', () => {
      isAnswered ||= call.queuedMs > 0
      return isSaid && isAnswered
    })
  }

  it('the model remembers of an interrupted answer what was heard', async ({ onTestFinished }) => {
    const { lab, ring } = await start(
      onTestFinished,
      {},
      { hears: ['a story', 'stop'], answers: [{ on: { says: 'story' }, reply: [{ say: STORY }] }, { reply: [{ say: GOODBYE }] }] },
    )
    const call = await ring()
    await ask(call, 'Tell me a story')
    const beganAt = performance.now()
    await eventually('three seconds of it', () => call.queuedMs > 4000 && performance.now() - beganAt > 3000)
    const from = Date.now()
    await call.say(speech('Stop'))
    await eventually('the other answer', () => call.queuedMs > 0)
    await quiet(call)
    expect(call.clearedAt).toHaveLength(1)
    expect((call.clearedAt[0] ?? 0) - from).toBeLessThan(700)
    const pcm = call.heard()
    const { ms: heard, endsAt } = heardOf(pcm, sound(STORY))
    const [truncate, ...more] = lab.sent('conversation.item.truncate')
    expect(more).toEqual([])
    const remembered = Number(truncate?.audio_end_ms)
    if (process.env.PHONE_DEBUG) console.log({ carrier, remembered, heard })
    expect(Math.abs(remembered - heard)).toBeLessThanOrEqual(100)
    expect(Math.abs(wordsBy(remembered) - wordsBy(heard))).toBeLessThanOrEqual(1)
    // Silence after the clear, until all of what came then.
    const next = pcm.indexOf(sound(GOODBYE).subarray(SETTLED, SETTLED + SEEN), endsAt)
    expect(firstSoundMs(pcm.subarray(endsAt + SETTLED, next - 2 * SETTLED))).toBeUndefined()
    await heardAll(call, sound(GOODBYE))
  })

  it('is greeted within half a second of its media socket', async ({ onTestFinished }) => {
    // A real carrier takes longer from ring to media than a model to its first word; these carriers take none, so the model must.
    const { ring } = await start(onTestFinished, { manners: { greeting: 'Say goodbye.' } }, { answers: [{ reply: [{ say: GOODBYE }] }] }, Number.POSITIVE_INFINITY)
    const call = await ring()
    await eventually('the greeting', () => call.queuedMs > 0)
    await quiet(call)
    expect(firstSoundMs(call.heard())).toBeLessThan(500)
    await heardAll(call, sound(GOODBYE))
  })

  it.concurrent('a protected answer is finished, whatever is said meanwhile', async ({ onTestFinished }) => {
    const { lab, ring } = await start(onTestFinished, { bargeIn: 'protect' }, { hears: ['hello'], answers: [{ reply: [{ say: GOODBYE }] }] })
    const call = await ring()
    await ask(call, 'Hello')
    const beganAt = performance.now()
    await eventually('half a second of it', () => performance.now() - beganAt > 500)
    await call.say(speech('Wait'))
    await quiet(call)
    expect(call.clearedAt).toEqual([])
    expect(lab.sent('conversation.item.truncate')).toEqual([])
    await heardAll(call, sound(GOODBYE))
  })

  it.concurrent('a tool runs, gets the keys that were pressed, and its result is spoken; nobody logs either', async ({ onTestFinished }) => {
    const { lab, ring } = await start(
      onTestFinished,
      { manners: { greeting: 'Say hello.', keys: 'tools' } },
      {
        hears: ['the weather'],
        answers: [
          { on: { says: 'weather' }, reply: [{ call: { name: 'get_weather', arguments: {} } }] },
          { on: { result: 'get_weather' }, reply: [{ say: 'It is {result} out at sea today.' }] },
          { reply: [{ say: 'Hello.' }] },
        ],
      },
    )
    const call = await ring()
    await eventually('the greeting', () => call.queuedMs > 0)
    await quiet(call)
    for (const key of '4711#') call.press(key)
    await ask(call, 'What is the weather')
    await quiet(call)
    expect(asked.filter(({ url }) => url === `/${carrier}`)).toEqual([{ url: `/${carrier}`, keys: encodeURIComponent('4711#') }])
    await heardAll(call, sound('It is cloudy out at sea today.'))
    expect(lab.log.join('')).not.toMatch(/4711|4930555|4915550|0123456789abcdef/)
  })

  it.concurrent('is hung up once the goodbye was heard', async ({ onTestFinished }) => {
    const { ring } = await start(
      onTestFinished,
      { manners: { hangUp: true } },
      { hears: ['goodbye'], answers: [{ on: { says: 'goodbye' }, reply: [{ say: GOODBYE }, { call: { name: 'hang_up', arguments: {} } }] }, { reply: [{ say: 'Hm.' }] }] },
    )
    const call = await ring()
    await ask(call, 'Goodbye')
    expect((await call.ended).by).toBe('relay')
    await heardAll(call, sound(GOODBYE))
  })

  it.concurrent('is transferred to a name of the list, and to nobody else', async ({ onTestFinished }) => {
    const call1 = { call: { name: 'transfer_call', arguments: { to: 'stranger' } } }
    const call2 = { call: { name: 'transfer_call', arguments: { to: 'desk' } } }
    const { lab, ring } = await start(
      onTestFinished,
      { manners: { transferTo: { desk: '+4930555111' } } },
      {
        hears: ['a stranger', 'the desk'],
        answers: [{ on: { says: 'stranger' }, reply: [call1] }, { on: { says: 'desk' }, reply: [call2] }, { reply: [{ say: 'There is nobody of that name here.' }] }],
      },
    )
    const call = await ring()
    await ask(call, 'Give me a stranger')
    await quiet(call)
    await call.say(speech('Give me the desk'))
    expect(await call.ended).toMatchObject({ by: 'relay', transferredTo: '+4930555111' })
    expect(JSON.stringify(lab.simulator.received)).not.toContain('4930555111')
    expect(lab.log.join('')).not.toContain('4930555111')
  })

  it.concurrent('is warned before its longest time, and ends then with a goodbye', async ({ onTestFinished }) => {
    const { lab, ring } = await start(
      onTestFinished,
      { limits: { maxSessionSeconds: 13 }, manners: { ending: { warnSeconds: 10, warning: 'WARNING', goodbye: 'FAREWELL' } } },
      { answers: [{ reply: [{ say: GOODBYE }] }] },
    )
    const call = await ring()
    const since = performance.now()
    expect((await call.ended).by).toBe('relay')
    const ms = performance.now() - since
    expect(ms).toBeGreaterThan(11_000)
    expect(ms).toBeLessThan(22_000)
    const created = lab.sent('response.create').map((event) => JSON.stringify(event))
    expect(created.map((text) => (text.includes('WARNING') ? 'warning' : text.includes('FAREWELL') ? 'goodbye' : 'other'))).toEqual(['warning', 'goodbye'])
    await heardAll(call, sound(GOODBYE))
  })

  it.concurrent('asks who is silent, then says goodbye and ends', async ({ onTestFinished }) => {
    const { lab, ring } = await start(
      onTestFinished,
      { manners: { silence: { seconds: 1, question: 'QUESTION', times: 1, goodbye: 'FAREWELL' } } },
      { answers: [{ reply: [{ say: 'Are you there?' }] }] },
    )
    const call = await ring()
    expect((await call.ended).by).toBe('relay')
    const created = lab.sent('response.create').map((event) => JSON.stringify(event))
    expect(created.map((text) => (text.includes('QUESTION') ? 'question' : text.includes('FAREWELL') ? 'goodbye' : 'other'))).toEqual(['question', 'goodbye'])
  })

  it.concurrent('goes on over another media socket in the same session, once', async ({ onTestFinished }) => {
    const { lab, ring } = await start(onTestFinished, {}, { hears: ['hello'], answers: [{ reply: [{ say: GOODBYE }] }] })
    const call = await ring()
    await ask(call, 'Hello')
    await quiet(call)
    call.loseMedia()
    await eventually('another socket', () => call.sockets === 2)
    await ask(call, 'Hello')
    expect(lab.simulator.received).toHaveLength(1)
    call.loseMedia()
    expect((await call.ended).by).toBe('relay')
  })

  it.concurrent('is one call, however often it is announced', async ({ onTestFinished }) => {
    const { lab, ring } = await start(onTestFinished, {}, { answers: [{ reply: [{ say: GOODBYE }] }] })
    const call = await ring(4)
    await ask(call, 'Hello')
    expect(call.sockets).toBe(1)
    expect(lab.simulator.received).toHaveLength(1)
  })

  it.concurrent('outlives its upstream: the caller hears a pause', async ({ onTestFinished }) => {
    const { lab, ring } = await start(
      onTestFinished,
      {},
      {
        hears: ['hello', 'again'],
        answers: [
          { on: { says: 'again' }, reply: [{ say: GOODBYE }] },
          { on: { turn: 1 }, times: 1, reply: [{ say: 'Hello.' }, { end: { how: 'rst' } }] },
          { reply: [{ say: GOODBYE }] },
        ],
      },
    )
    const call = await ring()
    await ask(call, 'Hello')
    await eventually('another upstream', () => lab.simulator.received.length === 2)
    await quiet(call, 1500)
    await call.say(speech('Hello again'))
    await eventually('an answer', () => call.queuedMs > 0)
    await quiet(call)
    expect(call.sockets).toBe(1)
    await heardAll(call, sound(GOODBYE))
  })
})
