// Whatever anybody else says in an error, a close reason or an exception, a client reads the catalogue's words or text that was checked: nothing is left for a scrubber.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { RefusalError, refusalCodes, refusalEntry, toErrorBody, toErrorEvent, toWireClose } from '../../src/core/protocol/errors.js'
import { ev } from '../support/playbook.js'
import { type Lab, openLab } from '../support/relay-lab.js'
import { sourceFiles } from '../support/source-files.js'

afterEach(() => vi.useRealTimers())

const CANARY = 'canary-secret-4711 wss://contoso.example/secret-deployment'
const words = new Set(refusalCodes().map((code) => refusalEntry(code).message))
const withoutHint = (text: string) => text.replace(/ Retry after \d+ s\.$/, '')

/** Everything the client was told at the end: the last event is from the catalogue, the close reason too, and nothing of the canary anywhere. */
async function endsInOurWords(lab: Lab): Promise<void> {
  const { reason } = await lab.client.closed
  const frames = await lab.client.rest()
  const last = JSON.parse(frames.at(-1) ?? '{}') as { error?: { message: string } }
  expect(words).toContain(withoutHint(last.error?.message ?? ''))
  expect(reason).toMatch(/^[a-z_]+: [a-z_]+( in \d+ s)?$|^[a-z_]+: [a-z_]+/)
  expect(frames.join() + reason).not.toMatch(/canary|contoso|secret/)
}

describe('a dial that fails', () => {
  it.each<[string, unknown]>([
    ['with an error of a library', new Error(CANARY)],
    ['with something that is no error', CANARY],
    ['with a refusal whose cause is for the log', new RefusalError('upstream_refused', CANARY)],
    ['with a cause and a time', new RefusalError('rate_limited', CANARY, 7)],
  ])('%s', async (_, error) => {
    await endsInOurWords(openLab({ dial: () => Promise.reject(error) }))
  })
})

describe('an upstream that ends', () => {
  it.each([[1000], [1001], [1006], [1008], [1011], [4000]])('with code %i and words of its own', async (code) => {
    const lab = openLab()
    await lab.live()
    lab.upstream.close(code, CANARY)
    await endsInOurWords(lab)
  })

  it('with an error before it is configured', async () => {
    const lab = openLab()
    lab.upstream.say({ type: 'error', error: { type: 'invalid_request_error', code: 'invalid_api_key', message: CANARY } })
    await endsInOurWords(lab)
  })
})

describe('a tool that fails', () => {
  it('is told to the model alone, and not in its own words', async () => {
    const lab = openLab()
    await lab.live()
    lab.upstream.say(ev.created('r'))
    lab.upstream.say(ev.itemDone('r', ev.call('c', 'get_weather')))
    await lab.upstream.rest()
    lab.tools[0]?.fail(new Error(CANARY))
    expect((await lab.upstream.rest()).join()).not.toContain('canary')
    expect((await lab.client.rest()).join()).not.toContain('canary')
  })
})

describe('the catalogue', () => {
  it('knows no way to put a cause into what is sent', () => {
    for (const code of refusalCodes()) {
      for (const seconds of [undefined, 0.4, 7]) {
        const event = toErrorEvent(code, { eventId: 'e', retryAfterSeconds: seconds }) as unknown as { error: { message: string } }
        expect(words).toContain(withoutHint(event.error.message))
        expect(words).toContain(withoutHint(toErrorBody(code, seconds).error.message))
        expect(toWireClose(code, seconds).reason.startsWith(`${code}: ${refusalEntry(code).advice}`)).toBe(true)
      }
    }
  })

  it('is never given an exception’s own text: that goes nowhere but to whoever starts the relay, and is compared where it tells Redis’s answers apart', () => {
    // The admin API's input errors are sentences of ours about a field. The kit shows a page the relay's own `error` event.
    const allowed = /^src\/(browser\/trouble|cli|process\/startup|config|simulator|ops\/log|admin\/problems|tools|demo|store\/redis\/connection)/
    const quoting = sourceFiles('src').filter(({ path, code }) => /\b(error|reason|cause|err)\.message\b/.test(code) && !allowed.test(path))
    expect(quoting.map(({ path }) => path)).toEqual([])
  })
})
