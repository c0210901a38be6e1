// The calls that this process knows: forgotten a minute after they are over, whichever instance hears of their end.
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type AcsCalls, createAcsCalls } from '../../../../src/ingress/phone/acs/calls.js'
import { ring } from '../../../support/phone-lab.js'
import { type FakeDesk, fakeDesk } from './acs-lab.js'

const names: string[] = []
const logged: string[] = []
let desk: FakeDesk
let calls: AcsCalls
let failing = false

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  names.length = 0
  logged.length = 0
  failing = false
  desk = fakeDesk()
  const log = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  calls = createAcsCalls({
    desk,
    control: {
      answer: () => (failing ? Promise.reject(new Error('no answer')) : Promise.resolve('connection')),
      reject: () => Promise.resolve(),
      hangUp: () => Promise.resolve(),
      transfer: () => Promise.resolve(),
      startMedia: () => Promise.resolve(),
      isGone: () => Promise.resolve(false),
      idle: () => Promise.resolve(),
    },
    addresses: (_ticket, name) => {
      names.push(name)
      return { callbackUri: 'https://relay.example/c', transportUrl: 'wss://relay.example/m' }
    },
    log: { debug: log, info: log, warn: log, error: log },
  })
})
afterEach(() => {
  vi.useRealTimers()
})

const answer = () => calls.answer({ type: 'incoming', id: 'event', at: 0, context: 'context', ring: ring() })

/** An event that changes nothing, but for a word in the log. */
async function isKnown(): Promise<boolean> {
  logged.length = 0
  await calls.hear(names[0] ?? '', [{ type: 'other', connectionId: 'another', operation: undefined, code: undefined, subCode: undefined }])
  return !logged.join().includes('callback of a call that is not here')
}

it('a call whose session ends is known for another minute', async () => {
  await answer()
  await vi.advanceTimersByTimeAsync(600_000)
  expect(await isKnown()).toBe(true)
  desk.calls[0]?.end()
  await vi.advanceTimersByTimeAsync(59_000)
  expect(await isKnown()).toBe(true)
  await vi.advanceTimersByTimeAsync(1_001)
  expect(await isKnown()).toBe(false)
  expect(vi.getTimerCount()).toBe(0)
})

it('a call that could not be answered is known for a minute, for its media', async () => {
  failing = true
  await answer()
  await vi.advanceTimersByTimeAsync(59_000)
  expect(logged.join()).toContain('telephone call not answered at the carrier')
  await vi.advanceTimersByTimeAsync(1_001)
  expect(await isKnown()).toBe(false)
})
