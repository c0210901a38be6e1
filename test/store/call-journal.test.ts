// The journal of calls on a real disk: what a killed process left is there at the next start, and nothing else.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { CallRecord } from '../../src/ports/call-records.js'
import { createMemoryCalls } from '../../src/store/memory/calls.js'

const folder = mkdtempSync(join(tmpdir(), 'relay-journal-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newFile = () => join(folder, `calls-${++files}`)
const record = (id: string): CallRecord => ({ id, placed: { callId: `rtc_up_${id}`, upstream: 'azure one' }, caller: 'alice-digest', since: 5, sealed: 'c2VjcmV0' })

describe('the journal', () => {
  it('has a call before `add` resolves, and names neither caller nor what is sealed', async () => {
    const file = newFile()
    const adding = createMemoryCalls(file).add(record('rtc_1'))
    expect(readFileSync(file, 'utf8')).toBe('{"id":"rtc_1","call":"rtc_up_rtc_1","upstream":"azure one","since":5}\n')
    await adding
    expect(statSync(file).mode & 0o077).toBe(0)
  })

  it('gives the calls of a killed process to the next one, without an owner, until they are removed', async () => {
    const file = newFile()
    const before = createMemoryCalls(file)
    for (const id of ['rtc_1', 'rtc_2', 'rtc_3']) await before.add(record(id))
    await before.remove('rtc_2')
    const after = createMemoryCalls(file)
    const left = [record('rtc_1'), record('rtc_3')].map((one) => ({ ...one, caller: '', sealed: '' }))
    expect(await after.adopt(10)).toEqual(left)
    await after.remove('rtc_1')
    // The one that was not removed yet is there again at the start after that.
    expect(await createMemoryCalls(file).adopt(10)).toEqual([left[1]])
  })

  it('passes over lines that are cut or foreign', async () => {
    const file = newFile()
    await createMemoryCalls(file).add(record('rtc_1'))
    appendFileSync(file, 'null\n[]\n{"id":"../x","call":"y","upstream":"z","since":1}\n{"over":7}\nnoise\n{"id":"rtc_2","ca')
    const next = createMemoryCalls(file)
    expect((await next.adopt(10)).map(({ id }) => id)).toEqual(['rtc_1'])
    // Written anew at the start, so it holds what is open and nothing else.
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(2)
  })

  it('that cannot be written refuses the call', async () => {
    expect(() => createMemoryCalls(join(folder, 'nowhere', 'calls'))).toThrow(/ENOENT/)
  })
})
