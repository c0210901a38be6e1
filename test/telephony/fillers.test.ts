// What a caller hears while a tool is slow: the line that the profile asks for, once, and the answer behind it. The model remembers the answer alone.
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, type onTestFinished } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import { createTwilio } from '../../src/simulator/carriers/twilio.js'
import { speakInTones } from '../../src/simulator/speech-tones.js'
import { LINES, placeIn } from './ear.js'
import { CALLED, CALLER, eventually, openPhoneLab, quiet } from './phone-lab.js'

const VOICE = { voice: 'alloy', speed: 1 }
const FILLER = 'One moment please, I am looking it up for you.'
const ANSWER = 'It is cloudy out at sea today, with a little rain.'
const HURRIED = 'Yes, I will be as quick as I can be.'
const TOKEN = '0123456789abcdef0123456789abcdef'
const ACCOUNT = 'AC0123456789abcdef0123456789abcdef'
const words = (text: string) => speakInTones(text, { voice: 'echo', speed: 1 }).pcm

describe.each(['twilio', 'acs'] as const)('a slow tool in a call by %s', { timeout: 60_000 }, (carrier) => {
  const sound = (text: string) => LINES[carrier](speakInTones(text, VOICE).pcm)

  /** A call whose caller has asked, and hears the filler. */
  async function start(finished: typeof onTestFinished) {
    const waiting: ServerResponse[] = []
    const backEnd = createServer((request, response) => {
      request.resume()
      waiting.push(response)
    }).listen(0, '127.0.0.1')
    await once(backEnd, 'listening')
    const url = `http://127.0.0.1:${(backEnd.address() as AddressInfo).port}/weather`
    const lab = await openPhoneLab({
      profile: { session: { audio: { output: { voice: VOICE.voice } } }, toolNoticeMs: 300, toolFiller: 'Say in a few words that you are looking it up.' },
      tools: [
        {
          type: 'function',
          name: 'get_weather',
          description: 'The weather.',
          parameters: { type: 'object', properties: {} },
          run: { http: { method: 'GET', url, timeoutMs: 30_000 } },
        },
      ],
      simulator: {
        script: {
          hears: ['the weather', 'hurry up'],
          answers: [
            { on: { says: 'weather' }, times: 1, reply: [{ call: { name: 'get_weather', arguments: {} } }] },
            { on: { result: 'get_weather' }, reply: [{ say: ANSWER }] },
            { on: { says: 'hurry' }, times: 1, reply: [{ say: HURRIED }] },
            { reply: [{ say: FILLER }] },
          ],
        },
      },
      telephony: { twilio: { authTokens: [new Secret(TOKEN)], accountSid: ACCOUNT } },
    })
    const twilio = createTwilio({ relayUrl: lab.url, authToken: TOKEN, accountSid: ACCOUNT })
    finished(async () => {
      await twilio.close()
      await lab.close()
      backEnd.close()
      backEnd.closeAllConnections()
    })
    const call = await (carrier === 'acs' ? lab.acs : twilio).ring({ from: CALLER, to: CALLED })
    await call.connected
    await call.say(words('What is the weather'))
    await eventually('the filler', () => call.queuedMs > 0)
    expect(waiting).toHaveLength(1)
    const spoken = () => (lab.simulator.conversations()[0]?.items ?? []).filter(({ role }) => role === 'assistant').map((item) => JSON.stringify(item))
    return {
      ...{ lab, call, spoken },
      finish: () => waiting[0]?.end('cloudy'),
      faults: () => ('faults' in call ? call.faults : []),
      places: () => [FILLER, HURRIED, ANSWER].map((text) => placeIn(call.heard(), sound(text))),
    }
  }

  it.concurrent('is bridged by a line, which is not repeated and not cut off by the answer', async ({ onTestFinished }) => {
    const { lab, call, spoken, finish, faults, places } = await start(onTestFinished)
    // While the line is still being played.
    await eventually('half a second of it', () => call.queuedMs > 0 && call.queuedMs < sound(FILLER).length / 48 - 500)
    finish()
    await eventually('the answer', () => spoken().length > 0)
    await quiet(call)
    const [filler = -1, , answer = -1] = places()
    expect(filler).toBeGreaterThan(0)
    expect(answer - filler).toBeGreaterThanOrEqual(sound(FILLER).length - 9600)
    expect(placeIn(call.heard(), sound(FILLER), filler + 1)).toBe(-1)
    expect(spoken().join()).toContain(ANSWER)
    expect(spoken().join()).not.toContain(FILLER)
    expect([call.clearedAt, lab.sent('conversation.item.truncate'), faults()]).toEqual([[], [], []])
  })

  it.concurrent('stays silent after its line, and answers when it is done', async ({ onTestFinished }) => {
    const { lab, call, finish, faults, places } = await start(onTestFinished)
    await quiet(call, 1500)
    expect(places()[2]).toBe(-1)
    finish()
    await eventually('the answer', () => call.queuedMs > 0)
    await quiet(call)
    const [filler = -1, , answer = -1] = places()
    expect(answer).toBeGreaterThan(filler + sound(FILLER).length)
    expect([lab.sent('conversation.item.truncate'), faults()]).toEqual([[], []])
  })

  it.concurrent('is answered too if the caller speaks into its line, which stops at once and is no item to truncate', async ({ onTestFinished }) => {
    const { lab, call, spoken, finish, faults, places } = await start(onTestFinished)
    await call.say(words('Hurry up'))
    await eventually('the clear', () => call.clearedAt.length > 0)
    await eventually('what was said about it', () => spoken().length > 0)
    await quiet(call)
    finish()
    await eventually('the answer', () => spoken().length > 1)
    await quiet(call)
    const [filler = -1, hurried = -1, answer = -1] = places()
    expect(hurried).toBeGreaterThan(filler)
    expect(answer).toBeGreaterThan(hurried)
    expect([call.clearedAt.length, lab.sent('conversation.item.truncate'), faults()]).toEqual([1, [], []])
  })
})
