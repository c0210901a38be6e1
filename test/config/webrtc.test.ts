// How WebRTC calls are configured: the mode, per profile as well, what goes with it, and what the operator is told.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { configWarnings, describeConfig } from '../../src/config/describe.js'
import { loadConfig } from '../../src/config/load.js'
import { webrtcIsOn, webrtcMode } from '../../src/config/webrtc.js'
import { checkTools } from '../../src/tools/check.js'

const folder = mkdtempSync(join(tmpdir(), 'relay-webrtc-'))
afterAll(() => rmSync(folder, { recursive: true }))
const least = { AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'voice', JWT_SECRET: 'a-shared-secret-of-more-than-32-bytes' }
const load = (env: Record<string, string> = {}) => loadConfig(checkTools, { ...least, ...env }, { mode: 'serve', cwd: folder })
const profiles = (text: object) => {
  writeFileSync(join(folder, 'profiles.json'), JSON.stringify(text))
  return { PROFILES_FILE: 'profiles.json' }
}
const confidential = JSON.stringify([{ type: 'function', name: 'pay', confidential: true, run: { http: { url: 'https://pay.example.com' } } }])

describe('WEBRTC', () => {
  it('is off unless it is set', () => {
    expect(load().webrtc).toEqual({ mode: 'off', journal: undefined, secret: undefined })
    expect(webrtcIsOn(load())).toBe(false)
    expect(webrtcIsOn(load({ WEBRTC: 'media-only' }))).toBe(true)
  })

  it('may be another one in a profile', () => {
    const config = load({ WEBRTC: 'media-only', ...profiles({ kiosk: { webrtc: 'off' }, sdk: { webrtc: 'shared' }, plain: {} }) })
    expect(['default', 'kiosk', 'sdk', 'plain'].map((name) => webrtcMode(config, name))).toEqual(['media-only', 'off', 'shared', 'media-only'])
    expect(webrtcIsOn(load(profiles({ sdk: { webrtc: 'shared' } })))).toBe(true)
    expect(Object.fromEntries(describeConfig(config)).WebRTC).toBe('default: media-only, kiosk: off, sdk: shared, plain: media-only')
    expect(() => load(profiles({ sdk: { webrtc: 'on' } }))).toThrow(/"sdk": webrtc must be one of off, media-only, shared/)
  })

  it('shared goes with a confidential tool if that is allowed by name, or if these callers do not have the tool', () => {
    const tools = { TOOLS: confidential }
    expect(load({ WEBRTC: 'media-only', ...tools }).tools).toMatchObject([{ confidential: true }])
    expect(load({ WEBRTC: 'shared', WEBRTC_CONFIDENTIAL_TOOLS: 'allow', ...tools }).webrtc.mode).toBe('shared')
    expect(load({ ...tools, ...profiles({ sdk: { webrtc: 'shared', tools: [] } }) }).webrtc.mode).toBe('off')
    expect(() => load({ ...tools, ...profiles({ sdk: { webrtc: 'shared', tools: ['pay'] } }) })).toThrow(/WEBRTC is shared in the profile "sdk"/)
  })

  it('is for upstreams in the GA form, one of them at least', () => {
    const old = { name: 'old', endpoint: 'https://a.openai.azure.com', deployment: 'd', apiKey: 'k', apiVersion: '2025-04-01-preview' }
    const several = JSON.stringify([old, { ...old, name: 'new', apiVersion: 'v1' }])
    expect(load({ WEBRTC: 'shared', AZURE_OPENAI_ENDPOINT: '', AZURE_OPENAI_DEPLOYMENT: '', UPSTREAMS: several }).upstreams).toHaveLength(2)
  })

  it('warns if calls of a dead relay would go on, and of a journal that is not used', () => {
    const warned = (env: Record<string, string>) => configWarnings(load(env)).join('\n')
    expect(warned({ WEBRTC: 'media-only' })).toContain('neither REDIS_URL nor CALLS_JOURNAL is set')
    expect(warned({ WEBRTC: 'media-only', CALLS_JOURNAL: 'calls' })).not.toContain('CALLS_JOURNAL')
    expect(warned({ WEBRTC: 'media-only', CALLS_JOURNAL: 'calls', REDIS_URL: 'redis://localhost' })).toContain('CALLS_JOURNAL is set and not used')
    expect(warned({})).not.toContain('CALLS_JOURNAL')
    expect(load({ CALLS_JOURNAL: 'calls' }).webrtc.journal).toBe(join(folder, 'calls'))
  })
})
