// Manners in PROFILES_FILE: what they become, what is a mistake, and that no target of a transfer is told to anybody.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/config-error.js'
import { describeConfig } from '../../src/config/describe.js'
import { loadConfig } from '../../src/config/load.js'
import { chooseProfile } from '../../src/profiles/choose.js'
import { checkTools } from '../../src/tools/check.js'

const folder = mkdtempSync(join(tmpdir(), 'manners-'))
afterAll(() => rmSync(folder, { recursive: true }))

const env = { AZURE_OPENAI_ENDPOINT: 'https://a.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'd', JWT_SECRET: 'a shared secret of the tests, 32 bytes or more' }
function load(manners: unknown, more: Record<string, string> = {}) {
  const path = join(folder, 'profiles.json')
  writeFileSync(path, JSON.stringify({ phone: { manners } }))
  return loadConfig(checkTools, { ...env, PROFILES_FILE: path, ...more }, { mode: 'serve', cwd: folder })
}
function mistakes(manners: unknown, more: Record<string, string> = {}): readonly string[] {
  try {
    load(manners, more)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

const ALL = {
  greeting: 'Welcome to Contoso.',
  silence: { seconds: 7.5, question: 'Are you there?', times: 2, goodbye: 'Goodbye.' },
  ending: { warnSeconds: 60, warning: 'One minute.', goodbye: 'Time is over.' },
  hangUp: true,
  transferTo: { sales: '+15550100', 'Front desk': 'sip:desk@pbx.contoso.example', Störung: 'sips:help@[2001:db8::1]:5061' },
  keys: 'tools',
} as const

describe('manners of a profile', () => {
  it('are what the session gets, and targets are no part of them', () => {
    const config = load(ALL)
    expect(config.profiles.phone).toMatchObject({ transferTo: ALL.transferTo })
    const identity = { subject: 'a', issuer: undefined, tokenId: undefined, expiresAtMs: 0, claims: { [config.profileClaim]: 'phone' } }
    const { profile } = chooseProfile(config, () => ({ tools: [], run: async () => ({ output: '', outcome: 'ok', durationMs: 0, cut: false }) }), identity, undefined)
    expect(profile.manners).toEqual({
      greeting: 'Welcome to Contoso.',
      silence: { afterMs: 7500, question: 'Are you there?', times: 2, goodbye: 'Goodbye.' },
      ending: { warnMs: 60_000, warning: 'One minute.', goodbye: 'Time is over.' },
      hangUp: true,
      transferTo: ['sales', 'Front desk', 'Störung'],
      keys: 'tools',
    })
    expect(JSON.stringify([profile, describeConfig(config)])).not.toMatch(/15550100|contoso\.example|2001/)
  })

  it('are none for the other profiles, and may be empty', () => {
    expect(load(ALL).profiles.default?.manners).toBeUndefined()
    expect(load({}).profiles.phone?.manners).toEqual({ hangUp: false })
    expect(load({ transferTo: {} }).profiles.phone).toMatchObject({ transferTo: undefined })
  })
})

const long = 'x'.repeat(501)
describe('mistakes', () => {
  it.each<readonly [string, unknown, RegExp]>([
    ['no object', 'polite', /^PROFILES_FILE "phone": manners must be an object/],
    ['an unknown field', { greet: 'x' }, /manners has unknown fields: "greet"/],
    ['an empty greeting', { greeting: ' ' }, /greeting must have 1 to 500 characters/],
    ['a long greeting', { greeting: long }, /greeting must have 1 to 500 characters/],
    ['a greeting that is no text', { greeting: 1 }, /greeting must be a string/],
    ['a silence that is too short', { silence: { ...ALL.silence, seconds: 0.5 } }, /silence seconds must be/],
    ['a silence without its goodbye', { silence: { ...ALL.silence, goodbye: undefined } }, /silence goodbye is missing/],
    ['a silence without its time', { silence: { ...ALL.silence, seconds: undefined } }, /silence seconds is missing/],
    ['more questions than anybody bears', { silence: { ...ALL.silence, times: 11 } }, /silence times must be/],
    ['a warning that comes too late to be said', { ending: { ...ALL.ending, warnSeconds: 5 } }, /ending warnSeconds must be/],
    ['an ending without a warning', { ending: { ...ALL.ending, warning: undefined } }, /ending warning is missing/],
    ['a hang-up that is no yes', { hangUp: 'yes' }, /hangUp must be true or false/],
    ['keys for nobody known', { keys: 'client' }, /keys must be/],
    ['targets that are no map', { transferTo: ['+15550100'] }, /transferTo must be an object/],
    ['too many targets', { transferTo: Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`t${at}`, '+15550100'])) }, /transferTo must be an object of at most 32/],
    ['a name with a line end', { transferTo: { 'a\nb': '+15550100' } }, /transferTo has the name/],
    ['no name', { transferTo: { '': '+15550100' } }, /transferTo has the name ""/],
  ])('%s', (_, manners, says) => {
    expect(mistakes(manners)).toEqual([expect.stringMatching(says)])
  })

  it.each([
    '15550100',
    '+0155501000',
    '+1',
    '+1555010012345678',
    '+1 555 0100',
    'tel:+15550100',
    '+15550100;ext=1',
    'sip:pbx.example',
    'sip:a@b;transport=tcp',
    'sip:a;phone-context=x@b',
    'sip:a@b?Replaces=x',
    'sip:a@b\nX: 1',
    'sip:a:secret@b',
    'sip:a@b c',
    'sip:a@b/c',
    'https://a@b',
    `sip:${'a'.repeat(64)}@${'b'.repeat(260)}`,
    '',
  ])('a target such as %j is refused without being repeated', (target) => {
    const found = mistakes({ transferTo: { desk: target } })
    expect(found).toEqual([expect.stringMatching(/transferTo "desk" must be a number such as \+15550100, or a sip: or sips: address/)])
    if (target.length > 3) expect(found.join().replace('+15550100,', '')).not.toContain(target)
  })

  it('a tool of one’s own has the name of a built-in one', () => {
    const tool = (name: string) => ({ type: 'function', name, description: 'd', parameters: { type: 'object' }, run: 'client' })
    const TOOLS = JSON.stringify([tool('hang_up'), tool('transfer_call')])
    expect(mistakes(ALL, { TOOLS })).toEqual([
      expect.stringMatching(/hangUp brings the tool "hang_up", and TOOLS has one of that name/),
      expect.stringMatching(/transferTo brings the tool "transfer_call"/),
    ])
    expect(mistakes({ greeting: 'Hello.' }, { TOOLS })).toEqual([])
  })
})
