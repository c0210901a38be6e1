// Calls that outlive their upstream, by plan and by loss: the caller hears a pause at most, the model keeps the words, and an interruption after it is told rightly.
import { describe, expect, it, type onTestFinished } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { CarrierCall } from '../../src/simulator/carriers/carrier.js'
import { createTwilio } from '../../src/simulator/carriers/twilio.js'
import type { SimulatorOptions } from '../../src/simulator/options.js'
import { speakInTones } from '../../src/simulator/speech-tones.js'
import { heardOf, LINES, placeIn, SETTLED } from './ear.js'
import { CALLED, CALLER, eventually, openPhoneLab, type PhoneLab, quiet } from './phone-lab.js'

const VOICE = { voice: 'alloy', speed: 1 }
const NAME = 'That is a fine name, and I will keep it for you.'
const AGAIN = 'Your name is Ida, as you told me a while ago.'
const STORY =
  'Once upon a time there was a lamp on a rock in the sea, and every night it burned for the ships that came home from far away with wool and wine and letters for the people of the town, who sat at the harbour and waited for them with bread and soup and songs.'
const REST = 'And so the lamp went on and on, and all of the ships came home at last, one after another, before the winter.'
const TOKEN = '0123456789abcdef0123456789abcdef'
const ACCOUNT = 'AC0123456789abcdef0123456789abcdef'
const TELLS = { session: { audio: { input: { transcription: { model: 'whisper-1' } }, output: { voice: VOICE.voice } } } }
/** The upstream ends a session after ten seconds, and the relay leaves it after seven to eight. */
const SHORT = { simulator: { sessionSeconds: 10 }, env: { UPSTREAM_SESSION_SECONDS: '8' } }

const words = (text: string) => speakInTones(text, { voice: 'echo', speed: 1 }).pcm
const textsOf = (lab: PhoneLab, nth: number) =>
  (lab.simulator.conversations()[nth]?.items ?? []).flatMap(
    ({ content }) => (content as { text?: string; transcript?: string }[] | undefined)?.map((part) => part.text ?? part.transcript ?? '') ?? [],
  )
const eventsOf = (lab: PhoneLab, nth: number, type: string) => (lab.simulator.received[nth]?.events ?? []).filter((event) => event.type === type)
/** Words of the story that have begun by then. */
const wordsBy = (ms: number) => speakInTones(STORY, VOICE).words.filter(({ startMs }) => startMs < ms).length
/** What a caller is answered who stops the story. Each session of the simulator hears from the first words on, so it is set when the story has begun. */
const STOPS = { hears: ['Stop'], answers: [{ reply: [{ say: REST }] }] }
/** Of the story, what the model of this session remembers. */
const remembered = (lab: PhoneLab, nth: number) => textsOf(lab, nth).find((text) => text !== '' && STORY.startsWith(text)) ?? ''

/** One file for each carrier: they take about a minute each, at wall time. */
export function testUpstreams(carrier: 'acs' | 'twilio'): void {
  describe(`a call by ${carrier}`, { timeout: 60_000 }, () => testCalls(carrier))
}

function testCalls(carrier: 'acs' | 'twilio'): void {
  const sound = (text: string) => LINES[carrier](speakInTones(text, VOICE).pcm)

  const placeOf = (heard: Buffer, text: string, after = 0) => placeIn(heard, sound(text), after)
  const msHeard = (heard: Buffer, text: string) => {
    const at = placeOf(heard, text)
    return at < 0 ? 0 : heardOf(heard.subarray(at - SETTLED), sound(text)).ms
  }

  /** Nothing is compared meanwhile: that would hold up everything that is measured. */
  async function untilPlayed(call: CarrierCall, lab: PhoneLab, text: string, ms: number): Promise<void> {
    const restMs = sound(text).length / 48 - ms
    await eventually(`${ms} ms of “${text}”`, () => textsOf(lab, 1).includes(text) && call.queuedMs < restMs)
  }

  async function start(finished: typeof onTestFinished, options: { readonly simulator?: SimulatorOptions; readonly env?: Readonly<Record<string, string>> }) {
    const lab = await openPhoneLab({ profile: TELLS, ...options, telephony: { twilio: { authTokens: [new Secret(TOKEN)], accountSid: ACCOUNT } } })
    const twilio = createTwilio({ relayUrl: lab.url, authToken: TOKEN, accountSid: ACCOUNT })
    finished(async () => {
      await twilio.close()
      await lab.close()
    })
    const call = await (carrier === 'acs' ? lab.acs : twilio).ring({ from: CALLER, to: CALLED })
    await call.connected
    return { lab, call, faults: () => ('faults' in call ? call.faults : []) }
  }

  async function ask(call: CarrierCall, text: string): Promise<void> {
    await call.say(words(text))
    await eventually('an answer', () => call.queuedMs > 0)
  }

  /** The caller breaks in, and is answered. Milliseconds that were heard of this sound by then. */
  async function breakIn(call: CarrierCall, into: string): Promise<number> {
    await call.say(words('Stop, that is enough of it'))
    await eventually('the clear', () => call.clearedAt.length > 0)
    await eventually('another answer', () => call.queuedMs > 0)
    await quiet(call)
    expect(call.clearedAt).toHaveLength(1)
    return msHeard(call.heard(), into)
  }

  it.concurrent('moves to a fresh upstream in time, which knows what was said; the caller notices nothing', async ({ onTestFinished }) => {
    const script = { hears: ['My name is Ida'], answers: [{ reply: [{ say: NAME }] }] }
    const { lab, call, faults } = await start(onTestFinished, { ...SHORT, simulator: { ...SHORT.simulator, script } })
    await ask(call, 'My name is Ida')
    await eventually('the next upstream', () => textsOf(lab, 1).length >= 2)
    expect(textsOf(lab, 1).slice(0, 2)).toEqual(['My name is Ida', NAME])
    await quiet(call)
    lab.simulator.setScript({ hears: ['What is my name'], answers: [{ reply: [{ say: AGAIN }] }] })
    await ask(call, 'What is my name')
    await quiet(call)
    expect(textsOf(lab, 1).slice(2)).toContain(AGAIN)
    const heard = call.heard()
    expect([NAME, AGAIN].map((text) => placeOf(heard, text) >= 0)).toEqual([true, true])
    expect(placeOf(heard, NAME, placeOf(heard, NAME) + 1)).toBe(-1)
    expect([call.sockets, call.clearedAt, faults()]).toEqual([1, [], []])
  })

  it.concurrent('may be interrupted in what was said before the move: the fresh upstream forgets what was not heard', async ({ onTestFinished }) => {
    const script = { hears: ['Tell me a story'], answers: [{ reply: [{ say: STORY }] }] }
    const { lab, call, faults } = await start(onTestFinished, { ...SHORT, simulator: { ...SHORT.simulator, script } })
    await ask(call, 'Tell me a story')
    lab.simulator.setScript(STOPS)
    await eventually('the next upstream', () => textsOf(lab, 1).length >= 2)
    expect(textsOf(lab, 1)).toContain(STORY)
    expect(call.queuedMs).toBeGreaterThan(2000)
    const storyMs = await breakIn(call, STORY)
    const heard = wordsBy(storyMs)
    if (process.env.PHONE_DEBUG) console.log({ carrier, storyMs, heard, remembered: remembered(lab, 1) })
    expect(remembered(lab, 1).split(' ').length).toBeLessThanOrEqual(heard + 1)
    expect(remembered(lab, 1)).not.toBe('')
    // It holds the story as text, and would refuse.
    expect(eventsOf(lab, 1, 'conversation.item.truncate')).toEqual([])
    expect(faults()).toEqual([])
  })

  it.for([
    // A generation that takes as long that the end of the upstream comes into it.
    { what: 'left in the middle of an answer, at the last moment', options: { ...SHORT, simulator: { ...SHORT.simulator, speed: 0.3 } }, isLost: false },
    { what: 'lost in the middle of an answer', options: { simulator: { speed: 0.6 } }, isLost: true },
  ] as const)('goes on after its upstream was $what, and what is heard is counted from there', async ({ options, isLost }, { onTestFinished }) => {
    const next = { hears: ['Stop'], answers: [{ on: { says: 'story' }, reply: [{ say: REST }] }, { reply: [{ say: NAME }] }] }
    const script = { hears: ['Tell me a story'], answers: [{ reply: [{ say: STORY }] }] }
    const { lab, call, faults } = await start(onTestFinished, { ...options, simulator: { ...options.simulator, script } })
    await ask(call, 'Tell me a story')
    lab.simulator.setScript(next)
    if (isLost) {
      const since = performance.now()
      await eventually('a second and a half of it', () => performance.now() - since > 1500)
      lab.simulator.setFaults({ end: { how: 'rst', at: 'now' } })
      lab.simulator.setFaults({})
    }
    await eventually('the next upstream', () => eventsOf(lab, 1, 'response.create').length > 0)
    await untilPlayed(call, lab, REST, 2000)
    const restMs = await breakIn(call, REST)
    const [truncate, ...more] = eventsOf(lab, 1, 'conversation.item.truncate')
    expect(more).toEqual([])
    const storyMs = msHeard(call.heard(), STORY)
    if (process.env.PHONE_DEBUG) console.log({ carrier, isLost, restMs, told: truncate?.audio_end_ms, storyMs, remembered: remembered(lab, 1) })
    expect(Math.abs(Number(truncate?.audio_end_ms) - restMs)).toBeLessThanOrEqual(100)
    // Of the story, the words whose sound was there.
    expect(remembered(lab, 1)).not.toBe('')
    expect(remembered(lab, 1).split(' ').length).toBeLessThanOrEqual(wordsBy(storyMs) + 1)
    expect([call.sockets, faults()]).toEqual([1, []])
  })

  it.concurrent('is heard to its end by the next upstream, if the first is lost while the caller speaks', async ({ onTestFinished }) => {
    const turnsMs: number[] = []
    const hear = (pcm: Buffer) => {
      turnsMs.push(pcm.length / 48)
      return 'hello'
    }
    const { lab, call, faults } = await start(onTestFinished, { simulator: { hear, script: { answers: [{ reply: [{ say: NAME }] }] } } })
    const question = words('What is my name, and what was it that you said before the line was lost')
    const saying = call.say(question)
    await eventually('speech upstream', () => eventsOf(lab, 0, 'input_audio_buffer.append').length > 0)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    lab.simulator.setFaults({ end: { how: 'rst', at: 'now' } })
    lab.simulator.setFaults({})
    await saying
    await eventually('an answer', () => call.queuedMs > 0)
    const saidMs = question.length / 48
    if (process.env.PHONE_DEBUG) console.log({ carrier, saidMs, turnsMs })
    expect(turnsMs).toHaveLength(1)
    expect(turnsMs[0]).toBeGreaterThan(saidMs - 200)
    expect(lab.simulator.received).toHaveLength(2)
    expect(faults()).toEqual([])
  })

  it.concurrent('may interrupt what is still played while its upstream is replaced', async ({ onTestFinished }) => {
    const script = { hears: ['Tell me a story'], answers: [{ reply: [{ say: STORY }] }] }
    const { lab, call, faults } = await start(onTestFinished, { simulator: { script } })
    await ask(call, 'Tell me a story')
    lab.simulator.setScript(STOPS)
    await eventually('all of it at the carrier', () => textsOf(lab, 0).includes(STORY))
    lab.simulator.setFaults({ end: { how: 'rst', at: 'now' }, refuse: { status: 503, at: 'dial', times: 2 } })
    const storyMs = await breakIn(call, STORY)
    const heard = wordsBy(storyMs)
    if (process.env.PHONE_DEBUG) console.log({ carrier, storyMs, heard, texts: textsOf(lab, 1) })
    expect(remembered(lab, 1)).not.toBe('')
    expect(remembered(lab, 1).split(' ').length).toBeLessThanOrEqual(heard + 1)
    expect(placeOf(call.heard(), REST)).toBeGreaterThan(0)
    expect(faults()).toEqual([])
  })
}
