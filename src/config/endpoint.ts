// Reads the address of a model as users copy it: a resource, a base URL, or the full target URI that a portal shows.
import { endpointUrl, httpUrl, type Parse } from './parse.js'

export type Provider = 'azure' | 'openai' | 'voice-live'

export interface Endpoint {
  /** Without query: the resource, or OpenAI's base URL. */
  readonly url: URL
  /** What a full target URI also says; unchecked. */
  readonly deployment?: string
  readonly apiVersion?: string
  /** The target URI was one of the preview or of GA. */
  readonly path?: 'preview' | 'ga'
}

/** Hosts of Azure, where no gateway's path can stand in front. */
const AZURE_HOST = /\.(openai|cognitiveservices|services\.ai)\.azure\.(com|us|cn)$/
const AZURE_BASE = /^\/(openai(\/v1)?|voice-live)?\/*$/
const TARGET = /^(.*?)\/(openai\/v1|openai|voice-live|v1)\/realtime\/*$/
const RIGHT: Readonly<Record<Provider, string>> = {
  azure: 'give the resource, such as https://my-resource.openai.azure.com, or the whole target URI of its realtime deployment',
  openai: 'give the base URL, such as https://api.openai.com/v1',
  'voice-live': 'give the resource, such as https://my-resource.services.ai.azure.com',
}
const KNOWN_QUERY = new Set(['api-version', 'deployment', 'model'])

export function endpointOf(provider: Provider): Parse<Endpoint> {
  return (text) => {
    const parsed = httpUrl(text.replace(/^ws(s?):\/\//i, 'http$1://'))
    if ('problem' in parsed) return parsed
    const url = parsed.value
    const [, prefix = '', style] = TARGET.exec(url.pathname) ?? []
    if (style === undefined) return plain(text, url, provider)
    const misplaced = wrongProvider(provider, style, url.hostname)
    if (misplaced !== undefined) return { problem: misplaced }
    const query = [...url.searchParams.keys()]
    if (query.some((key) => !KNOWN_QUERY.has(key)) || url.hash !== '') return { problem: `has more behind its ? than api-version, deployment and model: ${RIGHT[provider]}` }
    const endpoint = new URL(url.origin)
    endpoint.pathname = provider === 'openai' ? `${prefix}/${style}` : prefix
    const deployment = url.searchParams.get('deployment') ?? url.searchParams.get('model')
    const apiVersion = style === 'openai/v1' ? null : url.searchParams.get('api-version')
    const path = style === 'openai' ? 'preview' : 'ga'
    return { value: { url: endpoint, path, ...(deployment !== null && { deployment }), ...(apiVersion !== null && { apiVersion }) } }
  }
}

/** Anything but a target URI. The address of another API of the resource would only answer 404 later. */
function plain(text: string, url: URL, provider: Provider): ReturnType<Parse<Endpoint>> {
  if (provider !== 'openai' && AZURE_HOST.test(url.hostname) && !AZURE_BASE.test(url.pathname))
    return { problem: `is the address of another API or of a project: ${RIGHT[provider]}` }
  const parsed = endpointUrl(text.replace(/^ws(s?):\/\//i, 'http$1://'))
  return 'problem' in parsed ? parsed : { value: { url } }
}

function wrongProvider(provider: Provider, style: string, hostname: string): string | undefined {
  if (provider === 'azure' && style === 'voice-live') return 'is the address of Voice Live: name it in UPSTREAMS with "provider": "voice-live"'
  if (provider === 'azure' && style === 'v1')
    return hostname === 'api.openai.com' ? 'is OpenAI’s own: set OPENAI_API_KEY and OPENAI_MODEL instead' : `ends like OpenAI’s: ${RIGHT.azure}`
  if (provider === 'voice-live' && style !== 'voice-live') return `is not the address of Voice Live: ${RIGHT['voice-live']}`
  return provider === 'openai' && (style === 'voice-live' || style === 'openai') ? `is an address of Azure: ${RIGHT.openai}` : undefined
}
