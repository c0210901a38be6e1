// Which profile a caller's claims choose: names, and roles by a map; and a telephone caller's, whatever the claims say.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Config } from '../../src/config/config.js'
import { loadConfig } from '../../src/config/load.js'
import type { Identity } from '../../src/ports/caller.js'
import { profileName } from '../../src/profiles/choose.js'
import { checkTools } from '../../src/tools/check.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'relay-choose-'))
  writeFileSync(join(folder, 'profiles.json'), '{"default":{},"free":{},"plus":{},"phone":{}}')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const configWith = (env: Record<string, string>): Config =>
  loadConfig(
    checkTools,
    { AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'voice', JWT_SECRET: 'x'.repeat(32), PROFILES_FILE: 'profiles.json', ...env },
    { mode: 'serve', cwd: folder },
  )
const identity = (claims: object, profile?: string): Identity => ({
  subject: 'alice',
  issuer: undefined,
  tokenId: undefined,
  expiresAtMs: 0,
  claims: { ...claims },
  ...(profile !== undefined && { profile }),
})

describe('with a map', () => {
  const env = { JWT_PROFILE_CLAIM: 'realm_access.roles', JWT_PROFILE_MAP: '{"Plus":"plus","Beta":"plus","Free":"free"}' }
  const roles = (...names: unknown[]) => ({ realm_access: { roles: names } })

  it.each<[string, object, string | undefined, string]>([
    ['the map’s order counts, not the token’s', roles('Free', 'offline_access', 'Plus'), undefined, 'plus'],
    ['the client may choose among its own', roles('Free', 'Plus'), 'free', 'free'],
    ['the client may choose no other', roles('Free'), 'plus', 'free'],
    ['values without an entry count for nothing', roles('offline_access', 'plus', 7, null), undefined, 'default'],
    ['no value', roles(), undefined, 'default'],
    ['no claim', {}, 'plus', 'default'],
    ['another type', { realm_access: { roles: { Plus: true } } }, undefined, 'default'],
    ['one text', { realm_access: { roles: 'Plus' } }, undefined, 'plus'],
    ['names of Object', roles('constructor', '__proto__', 'toString'), undefined, 'default'],
  ])('%s', (_what, claims, model, name) => expect(profileName(configWith(env), identity(claims), model)).toBe(name))

  it('a way in that decides is not asked for a role', () => {
    expect(profileName(configWith(env), identity(roles('Plus'), 'phone'), undefined)).toBe('phone')
  })
})

describe('without a map', () => {
  it.each([{ profile: 'plus' }, { profile: ['plus', 'free'] }])('%j names its profile', (claims) => expect(profileName(configWith({}), identity(claims), undefined)).toBe('plus'))

  it.each([{ profile: 'https://alice.example/about-me' }, { profile: ['plus', 'staff'] }, { profile: 7 }])('%j is refused', (claims) => {
    expect(() => profileName(configWith({}), identity(claims), undefined)).toThrow(expect.objectContaining({ code: 'forbidden', why: 'unknown_profile' }))
  })

  it('a way in that decides has no other profile than its own', () => {
    expect(() => profileName(configWith({}), identity({ profile: 'plus' }, 'gone'), undefined)).toThrow(expect.objectContaining({ why: 'unknown_profile' }))
  })
})
