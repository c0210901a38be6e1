// Says for each way that a dial of an upstream can fail which setting is meant, what happened, and what to do.
import type { ProxyConfig, UpstreamConfig } from '../config/config.js'

/** What the provider logs of a failed dial. */
export interface FailedDial {
  readonly why: string
  readonly status: number | undefined
  readonly retryAfterSeconds: number | undefined
  /** Of a failed request for an Entra ID token. */
  readonly entra: string | undefined
}

type Part = 'endpoint' | 'deployment' | 'apiKey' | 'apiVersion' | 'scope'

interface Finding {
  readonly setting: string
  readonly happened: string
  readonly advice: string
}

const SINGLE: Readonly<Record<'azure' | 'openai', Readonly<Record<Part, string>>>> = {
  azure: {
    endpoint: 'AZURE_OPENAI_ENDPOINT',
    deployment: 'AZURE_OPENAI_DEPLOYMENT',
    apiKey: 'AZURE_OPENAI_API_KEY',
    apiVersion: 'AZURE_OPENAI_API_VERSION',
    scope: 'AZURE_OPENAI_SCOPE',
  },
  openai: { endpoint: 'OPENAI_BASE_URL', deployment: 'OPENAI_MODEL', apiKey: 'OPENAI_API_KEY', apiVersion: 'OPENAI_BASE_URL', scope: 'OPENAI_API_KEY' },
}

/** `listed`: the upstream stands in UPSTREAMS. */
export function settingOf(upstream: UpstreamConfig, part: Part, listed: boolean): string {
  if (listed || upstream.provider === 'voice-live') return `UPSTREAMS "${upstream.name}" ${part === 'scope' ? 'entra' : part}`
  return SINGLE[upstream.provider][part]
}

export function findingOf(upstream: UpstreamConfig, failed: FailedDial, context: { readonly listed: boolean; readonly proxy: ProxyConfig | undefined }): Finding {
  const { host } = upstream.endpoint
  const setting = (part: Part): string => settingOf(upstream, part, context.listed)
  const proxy = context.proxy?.setting ?? 'HTTPS_PROXY'
  const http = failed.status === undefined ? '' : `HTTP ${failed.status}`
  const answers = `${host} answers ${http}`
  const azure = upstream.provider !== 'openai'
  switch (failed.why) {
    case 'credential':
      if (upstream.apiKey) {
        return {
          setting: setting('apiKey'),
          happened: answers,
          advice: azure ? 'Copy one of the two keys of this very resource (portal, "Keys and Endpoint").' : 'Make a new key, and check that its project may use the model.',
        }
      }
      return { setting: setting('scope'), happened: answers, advice: 'The identity needs the role "Cognitive Services OpenAI User" on this resource; a new role takes minutes.' }
    case 'forbidden':
      return {
        setting: setting('endpoint'),
        happened: answers,
        advice: `The service knows the caller and refuses it. Check the resource’s network rules (this machine’s address, a private endpoint)${upstream.apiKey ? '' : ' and the identity’s role'}.`,
      }
    case 'not_found':
      return {
        setting: setting('deployment'),
        happened: answers,
        advice: azure
          ? `Nothing is deployed there under this name. Check the name under "Deployments", that it is a realtime model, and ${setting('apiVersion')}.`
          : `The model or path does not exist. Check the name, and ${setting('endpoint')}.`,
      }
    case 'bad_request':
      return {
        setting: setting('deployment'),
        happened: answers,
        advice: `The deployment must be of a realtime model, and ${setting('apiVersion')} one that it speaks; unset means GA.`,
      }
    case 'redirect':
      return {
        setting: setting('endpoint'),
        happened: answers,
        advice: 'That is a redirect, which the relay does not follow. Give the address that it leads to; a gateway may ask for a log-in.',
      }
    case 'quota':
      return {
        setting: setting('deployment'),
        happened: answers,
        advice: `The address and the credential are right. The quota is used up${failed.retryAfterSeconds === undefined ? '' : `: try again in ${Math.ceil(failed.retryAfterSeconds)} s`}, or raise the deployment’s limit.`,
      }
    case 'server_error':
      return { setting: setting('endpoint'), happened: answers, advice: 'The service or a gateway in front of it fails. Try again, and look at the service’s status page.' }
    case 'unknown_host':
      return {
        setting: setting('endpoint'),
        happened: `${host} is not a known host name (DNS)`,
        advice: 'Check the spelling. In a company’s network set HTTPS_PROXY; for a private endpoint check its DNS zone.',
      }
    case 'connection_refused':
      return {
        setting: setting('endpoint'),
        happened: `${host} refuses the connection`,
        advice: 'The name is known, and nothing listens there. Check the port; a simulator must be started first; a firewall may refuse it.',
      }
    case 'certificate':
      return {
        setting: setting('endpoint'),
        happened: `${host} has a certificate that is not trusted`,
        advice: 'If your network opens TLS, set NODE_EXTRA_CA_CERTS to a file with its authority’s certificate.',
      }
    case 'proxy':
      return {
        setting: proxy,
        happened: `the proxy ${context.proxy?.address ?? ''} cannot be reached`,
        advice: `Check its host and port, or name ${upstream.endpoint.hostname} in NO_PROXY.`,
      }
    case 'proxy_refused':
      return {
        setting: proxy,
        happened: `the proxy ${context.proxy?.address ?? ''} answers ${http}`,
        advice:
          failed.status === 407
            ? `It wants a user and a password: ${proxy}=http://user:password@host:port.`
            : `Have it allow CONNECT to ${upstream.endpoint.hostname}:${upstream.endpoint.port || 443}.`,
      }
    case 'connect':
    case 'aborted':
      return {
        setting: setting('endpoint'),
        happened: `${host} does not answer in time`,
        advice: 'A firewall may drop the packets. In a company’s network set HTTPS_PROXY. A slow network needs more UPSTREAM_CONNECT_TIMEOUT_SECONDS.',
      }
    case 'entra_token':
      return {
        setting: setting('apiKey'),
        happened: `it is not set, and Entra ID gives no token${failed.entra ? ` (${failed.entra})` : ''}`,
        advice: 'Assign a managed identity (several: AZURE_CLIENT_ID), run az login, or set a key.',
      }
    default:
      return {
        setting: setting('endpoint'),
        happened: http === '' ? `${host} cannot be reached (${failed.why})` : answers,
        advice: 'Check the address: is this the resource itself, or something in front of it?',
      }
  }
}
