// A recorded telephone call: the caller hears first that it is recorded, and what was being said when the caller hung up is in the record.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { CALLED, CALLER, eventually, openPhoneLab, type PhoneLab } from './phone-lab.js'

let folder: string
let lab: PhoneLab | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'relay-phone-records-'))
  for (const name of ['store', 'spool']) mkdirSync(join(folder, name))
})
afterEach(async () => {
  await lab?.close()
  lab = undefined
  rmSync(folder, { recursive: true })
})

it('a call that its caller ends within the greeting', async () => {
  lab = await openPhoneLab({
    profile: { record: 'transcript', manners: { greeting: 'Tell a long story.' } },
    env: {
      RECORDS_URL: join(folder, 'store'),
      RECORDS_SPOOL: join(folder, 'spool'),
      RECORDS_CONSENT: 'announce',
      SUBJECT_KEY: 'a key of the tests for digests of users',
    },
  })
  const call = await lab.acs.ring({ from: CALLER, to: CALLED })
  await call.connected
  await eventually('the greeting', () => call.queuedMs > 0)
  expect(JSON.stringify(lab.sent('response.create'))).toContain('This conversation is recorded. Then: Tell a long story.')
  await call.hangUp()
  const names = () => readdirSync(join(folder, 'store'), { recursive: true }) as string[]
  await eventually('the record', () => names().some((name) => name.endsWith('manifest.json')))
  const [file = ''] = names().filter((name) => name.endsWith('turns.jsonl'))
  const [turn] = readFileSync(join(folder, 'store', file), 'utf8')
    .trimEnd()
    .split('\n')
  expect(JSON.parse(turn ?? '')).toMatchObject({ turn: 1, who: 'assistant', text: expect.stringMatching(/\w/), heard: expect.stringMatching(/all|part|none/) })
  expect(names().join()).not.toContain(CALLER.slice(1))
})
