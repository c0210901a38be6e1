// The address of a model as users copy it from a portal or a sample: understood, or refused with what would be right.
import { describe, expect, it } from 'vitest'
import type { ConfigError } from '../../src/config/config-error.js'
import { loadConfig } from '../../src/config/load.js'
import { checkTools } from '../../src/tools/check.js'
import { azureTarget, openaiTarget, voiceLiveTarget } from '../../src/upstream/targets.js'

const BASE = { JWT_SECRET: 'a shared secret of the tests, 32 bytes or more' }
const upstreamOf = (env: Record<string, string>) => loadConfig(checkTools, { ...BASE, ...env }).upstreams[0]

function dialled(env: Record<string, string>): string {
  const upstream = upstreamOf(env)
  if (!upstream) throw new Error('no upstream')
  const target = { azure: azureTarget, openai: openaiTarget, 'voice-live': voiceLiveTarget }[upstream.provider]
  return target(upstream).url.href
}

function mistakes(env: Record<string, string>): readonly string[] {
  try {
    upstreamOf(env)
    return []
  } catch (error) {
    return (error as ConfigError).problems
  }
}

const azure = (AZURE_OPENAI_ENDPOINT: string, more: Record<string, string> = {}) => ({ AZURE_OPENAI_ENDPOINT, ...more })
const GA = 'wss://res.openai.azure.com/openai/v1/realtime?model=voice'
const PREVIEW = 'wss://res.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=voice'

describe('what the portal shows', () => {
  it.each([
    ['https://res.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=voice', PREVIEW],
    ['wss://res.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=voice', PREVIEW],
    ['https://res.openai.azure.com/openai/realtime/?deployment=voice&api-version=2025-04-01-preview', PREVIEW],
    ['https://res.openai.azure.com/openai/v1/realtime?model=voice', GA],
    ['wss://res.openai.azure.com/openai/v1/realtime?model=voice', GA],
    ['WSS://res.openai.azure.com/openai/v1/realtime?model=voice', GA],
    ['https://res.openai.azure.com/openai/v1/realtime?api-version=preview&model=voice', GA],
    ['https://res.cognitiveservices.azure.com/openai/v1/realtime?model=voice', 'wss://res.cognitiveservices.azure.com/openai/v1/realtime?model=voice'],
    ['https://res.services.ai.azure.com/openai/v1/realtime?model=voice', 'wss://res.services.ai.azure.com/openai/v1/realtime?model=voice'],
    ['https://gateway.example/team-a/openai/v1/realtime?model=voice', 'wss://gateway.example/team-a/openai/v1/realtime?model=voice'],
    ['ws://localhost:9100/openai/v1/realtime?model=voice', 'ws://localhost:9100/openai/v1/realtime?model=voice'],
  ])('%s alone names everything', (uri, url) => {
    expect(dialled(azure(uri))).toBe(url)
  })

  it.each([
    ['https://res.openai.azure.com/openai/v1/realtime', {}, GA],
    ['wss://res.openai.azure.com', {}, GA],
    ['https://res.openai.azure.com/openai/v1/realtime?model=voice', { AZURE_OPENAI_API_VERSION: 'v1' }, GA],
    ['https://res.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=voice', { AZURE_OPENAI_API_VERSION: '2025-04-01-preview' }, PREVIEW],
  ])('%s with a deployment of the same name', (uri, more, url) => {
    expect(dialled(azure(uri, { AZURE_OPENAI_DEPLOYMENT: 'voice', ...more }))).toBe(url)
  })

  it('works for OpenAI, and in UPSTREAMS for each provider', () => {
    expect(dialled({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'wss://api.openai.com/v1/realtime?model=gpt-realtime-mini' })).toBe(
      'wss://api.openai.com/v1/realtime?model=gpt-realtime-mini',
    )
    expect(dialled({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'https://gateway.example/openai/v1/realtime' })).toBe('wss://gateway.example/openai/v1/realtime?model=gpt-realtime')
    const one = (entry: object) => dialled({ UPSTREAMS: JSON.stringify([{ apiKey: 'k', ...entry }]) })
    expect(one({ endpoint: PREVIEW })).toBe(PREVIEW)
    expect(one({ provider: 'voice-live', endpoint: 'wss://res.services.ai.azure.com/voice-live/realtime?api-version=2026-04-10&model=gpt-realtime' })).toBe(
      'wss://res.services.ai.azure.com/voice-live/realtime?api-version=2026-04-10&model=gpt-realtime',
    )
    expect(one({ provider: 'openai', endpoint: 'https://api.openai.com/v1/realtime?model=m' })).toBe('wss://api.openai.com/v1/realtime?model=m')
  })
})

describe('what would fail only later', () => {
  it.each([
    ['https://res.openai.azure.com/openai/deployments/voice/chat/completions?api-version=2025-01-01-preview', /another API.*give the resource, such as https:/],
    ['https://res.services.ai.azure.com/api/projects/team', /another API or of a project/],
    ['https://res.openai.azure.com/openai/v1/responses', /another API/],
    ['https://res.openai.azure.com/openai/realtimeapi/sessions?api-version=2025-04-01-preview', /another API/],
    ['wss://res.services.ai.azure.com/voice-live/realtime?api-version=2025-10-01&model=m', /Voice Live: name it in UPSTREAMS/],
    ['wss://api.openai.com/v1/realtime?model=gpt-realtime', /OpenAI’s own: set OPENAI_API_KEY/],
    ['wss://res.openai.azure.com/openai/realtime?deployment=voice&api-key=canary', /more behind its \?/],
    ['ws://res.openai.azure.com/openai/v1/realtime?model=voice', /must be https/],
    ['https://res.openai.azure.com/openai/v1/realtime?model=a/b', /deployment or version that must be a deployment/],
  ])('%s', (uri, right) => {
    const found = mistakes(azure(uri, uri.includes('model=') ? {} : { AZURE_OPENAI_DEPLOYMENT: 'voice' }))
    expect(
      found.find((line) => right.test(line)),
      found.join('\n'),
    ).toMatch(/^AZURE_OPENAI_ENDPOINT /)
    expect(found.join()).not.toContain('canary')
  })

  it('a target URI that contradicts another setting', () => {
    expect(mistakes(azure(GA, { AZURE_OPENAI_DEPLOYMENT: 'other' }))).toEqual([
      'AZURE_OPENAI_DEPLOYMENT is not what the target URI in AZURE_OPENAI_ENDPOINT names: remove one of the two',
    ])
    expect(mistakes(azure(GA, { AZURE_OPENAI_API_VERSION: '2025-04-01-preview' }))[0]).toMatch(/^AZURE_OPENAI_API_VERSION is dated, and/)
    expect(mistakes(azure(PREVIEW, { AZURE_OPENAI_API_VERSION: '2024-10-01-preview' }))[0]).toMatch(/^AZURE_OPENAI_API_VERSION is not what/)
    const UPSTREAMS = JSON.stringify([{ endpoint: GA, deployment: 'other', apiKey: 'k' }])
    expect(mistakes({ UPSTREAMS })).toEqual(['UPSTREAMS entry 1: deployment is not what the target URI in endpoint names: remove one of the two'])
  })
})
