// A call placed after a plan, against a carrier and a relay of a few lines: turns, interruption, keys, and every way in which a call does not go as asked.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createCallerAudio } from '../../../src/simulator/carriers/caller-audio.js'
import type { CarrierCall, SimulatedCarrier } from '../../../src/simulator/carriers/carrier.js'
import { createHeard } from '../../../src/simulator/carriers/heard.js'
import { type CallOutcome, type CallPlan, placeCall } from '../../../src/simulator/carriers/placed-call.js'

const loud = (ms: number) => Buffer.alloc(ms * 48, 0x10)
const PLAN: CallPlan = { from: '+4930111', to: '+4930222', says: [], maxMs: 120_000 }

interface Relay {
  readonly greetingMs?: number
  /** 0: it never answers. */
  readonly answerMs?: number
  readonly interruptible?: boolean
  readonly refuses?: string
  /** After so many answers it hangs up, once the last was heard. */
  readonly hangsUpAfter?: number
  readonly transfersTo?: string
}

/** Voice detection as a relay's upstream has it: speech at once, its end after 500 ms of silence. */
function carrierOf({
  greetingMs = 0,
  answerMs = 2000,
  interruptible = true,
  refuses,
  hangsUpAfter = Number.POSITIVE_INFINITY,
  transfersTo,
}: Relay): SimulatedCarrier & { keys: string } {
  const carrier = {
    keys: '',
    async ring(): Promise<CarrierCall> {
      const heard = createHeard({ bytesPerMs: 48, silence: 0 })
      let end: (ended: Awaited<CarrierCall['ended']>) => void = () => undefined
      const ended = new Promise<Awaited<CarrierCall['ended']>>((resolve) => {
        end = resolve
      })
      let silentFrames: number | undefined
      let answers = 0
      const audio = createCallerAudio((frame) => {
        if (frame[0] !== 0) {
          if (interruptible && silentFrames === undefined && heard.queuedMs > 0) heard.clear()
          silentFrames = 0
        } else if (silentFrames !== undefined && ++silentFrames === 25) {
          silentFrames = undefined
          if (answerMs > 0) heard.play(loud(answerMs))
          if (++answers === hangsUpAfter) heard.mark(() => finish('relay', transfersTo))
        }
      })
      const finish = (by: 'caller' | 'relay', transferredTo?: string) => {
        audio.stop()
        heard.stop()
        end({ by, transferredTo })
      }
      const connected = refuses ? Promise.reject(new Error(refuses)) : Promise.resolve()
      connected.catch(() => undefined)
      if (!refuses) {
        audio.start()
        heard.start()
        heard.play(loud(greetingMs))
      }
      return {
        connected,
        say: (pcm) => audio.say(pcm),
        press: (key) => {
          carrier.keys += key
        },
        hangUp: async () => finish('caller'),
        loseMedia: () => undefined,
        heard: () => heard.heard(),
        get queuedMs() {
          return heard.queuedMs
        },
        get clearedAt() {
          return heard.clears.map(({ at }) => at)
        },
        ended,
      }
    },
    close: async () => undefined,
  }
  return carrier
}

async function place(relay: Relay, plan: Partial<CallPlan>): Promise<CallOutcome & { lines: string[]; keys: string; tookMs: number }> {
  const carrier = carrierOf(relay)
  const lines: string[] = []
  const since = performance.now()
  let tookMs = -1
  const placed = placeCall(carrier, { ...PLAN, ...plan }, (_, what) => lines.push(what)).finally(() => {
    tookMs = performance.now() - since
  })
  while (tookMs < 0) await vi.advanceTimersByTimeAsync(50)
  return { ...(await placed), lines, keys: carrier.keys, tookMs }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a call that goes as asked', () => {
  it('listens to the greeting, and speaks when it is its turn', async () => {
    const { problems, lines, answerMs, firstWordMs, heard } = await place({ greetingMs: 1500 }, { says: [loud(1000), loud(600)] })
    expect(problems).toEqual([])
    expect(lines).toEqual([
      'rings',
      'answered after 0 ms',
      'says 1 of 2',
      expect.stringMatching(/^answer to 1 of 2 after [45]\d\d ms$/),
      'says 2 of 2',
      expect.stringMatching(/^answer to 2 of 2 after [45]\d\d ms$/),
      'ended by the caller',
      expect.stringMatching(/^first word 0 ms after the connection; \d+\.\d s kept$/),
    ])
    expect(firstWordMs).toBe(0)
    expect(answerMs.every((ms) => ms >= 480 && ms <= 560)).toBe(true)
    expect(heard.filter((byte) => byte === 0x10)).toHaveLength((1500 + 2000 + 2000) * 48)
  })

  it('begins itself if nobody greets, and does not count the silence at a file’s end', async () => {
    const { problems, answerMs } = await place({}, { says: [Buffer.concat([loud(500), Buffer.alloc(48 * 2000)])] })
    expect(problems).toEqual([])
    expect(answerMs).toHaveLength(1)
    expect(answerMs[0]).toBeGreaterThan(450)
    expect(answerMs[0]).toBeLessThan(570)
  })

  it('breaks into the answer before', async () => {
    const { problems, clearMs, heard, answerMs } = await place({ answerMs: 5000 }, { says: [loud(500), loud(500)], interruptAtMs: 1200 })
    expect(problems).toEqual([])
    expect(clearMs).toBeGreaterThanOrEqual(0)
    expect(clearMs).toBeLessThan(60)
    const heardMs = heard.filter((byte) => byte === 0x10).length / 48 - 5000
    expect(heardMs).toBeGreaterThan(1180)
    expect(heardMs).toBeLessThan(1260)
    expect(answerMs).toHaveLength(2)
  })

  it('breaks into the greeting', async () => {
    const { problems, clearMs } = await place({ greetingMs: 4000 }, { says: [loud(500)], interruptAtMs: 1000 })
    expect(problems).toEqual([])
    expect(clearMs).toBeLessThan(60)
  })

  it('presses keys after the greeting', async () => {
    const { problems, keys, lines } = await place({ greetingMs: 800 }, { keys: '1234#' })
    expect(problems).toEqual([])
    expect(keys).toBe('1234#')
    expect(lines).toContain('pressed 5 keys')
    expect(lines.join()).not.toContain('1234')
  })

  it('hangs up when it is told to, also in the middle', async () => {
    const { problems, tookMs, lines } = await place({ greetingMs: 20_000 }, { says: [loud(500)], hangUpAfterMs: 3000 })
    expect(problems).toEqual([])
    expect(tookMs).toBeLessThan(3200)
    expect(lines).toContain('ended by the caller')
  })

  it('is ended, or transferred, by the relay once all was said', async () => {
    const ended = await place({ hangsUpAfter: 1 }, { says: [loud(500)], untilEnded: true })
    expect(ended).toMatchObject({ problems: [] })
    expect(ended.lines).toContain('ended by the relay')
    const transferred = await place({ hangsUpAfter: 1, transfersTo: '+49303333' }, { says: [loud(500)], untilEnded: true })
    expect(transferred.lines).toContain('transferred by the relay')
    expect(transferred.lines.join()).not.toContain('3333')
  })
})

describe('a call that does not', () => {
  it.each<[string, Relay, Partial<CallPlan>, RegExp]>([
    ['refused', { refuses: 'HTTP 403' }, {}, /^The call was not answered: HTTP 403\.$/],
    ['silent', {}, {}, /^Nothing was heard\.$/],
    ['without an answer', { greetingMs: 500, answerMs: 0 }, { says: [loud(500)] }, /^There was no answer to 1 of 1 within 20 s\.$/],
    ['that is not cleared', { greetingMs: 9000, interruptible: false }, { says: [loud(500)], interruptAtMs: 500 }, /^The relay did not clear within 3 s/],
    ['with nothing to interrupt', {}, { says: [loud(500)], interruptAtMs: 500 }, /^There was nothing to interrupt\.$/],
    ['whose answer was over', { greetingMs: 300 }, { says: [loud(500)], interruptAtMs: 600 }, /^The answer was over before 600 ms/],
    ['ended by the relay too soon', { hangsUpAfter: 1 }, { says: [loud(500), loud(500)] }, /^The relay ended the call before everything was said and answered\.$/],
    ['that does not end', { greetingMs: 300 }, { untilEnded: true, maxMs: 10_000 }, /^The call was not over after 10 s\.$/],
  ])('%s', async (_, relay, plan, problem) => {
    const { problems } = await place(relay, plan)
    expect(problems[0]).toMatch(problem)
  })
})
