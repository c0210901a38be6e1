// The variables of telephone carriers, and of who may call whom.
import { httpUrl, list, matching, oneOf, type Parse, plainText, secretToken } from './parse.js'
import { Secret } from './secret.js'
import { optional, orFile, required } from './variable.js'

export interface AcsConnection {
  readonly endpoint: URL
  readonly accessKey: Secret
}

/** Where the service itself signs, outside sovereign clouds (source: Microsoft Learn, “Secure webhook endpoints and WebSocket connections”). */
const ACS = 'https://acscallautomation.communication.azure.com'
/** As the official SDK asks for it, whatever its endpoint. */
const ACS_SCOPE = 'https://communication.azure.com//.default'
const LEAST_BYTES = 16

const origin: Parse<URL> = (text) => {
  const parsed = httpUrl(text)
  if ('problem' in parsed) return parsed
  const { pathname, search, hash } = parsed.value
  return pathname === '/' && search === '' && hash === '' ? parsed : { problem: 'must be scheme, host and port alone, such as https://relay.example.com' }
}

/** `endpoint=https://…;accesskey=…`, as the portal shows it. */
const connection: Parse<AcsConnection> = (text) => {
  const right = 'must be endpoint=https://<resource>.communication.azure.com/;accesskey=<key>'
  const parts = new Map(
    text.split(';').map((part) => {
      const at = part.indexOf('=')
      return [part.slice(0, Math.max(at, 0)).trim().toLowerCase(), part.slice(at + 1).trim()] as const
    }),
  )
  const accessKey = parts.get('accesskey') ?? ''
  const endpoint = origin(parts.get('endpoint') ?? '')
  if ('problem' in endpoint || !/^[A-Za-z0-9+/]{16,}={0,2}$/.test(accessKey)) return { problem: right }
  return { value: { endpoint: endpoint.value, accessKey: new Secret(accessKey) } }
}

const secret: Parse<Secret> = (text) => (text.length < LEAST_BYTES ? { problem: `is too short: at least ${LEAST_BYTES} characters` } : secretToken(text))

/** One, or the old and the new one. */
const secrets: Parse<readonly Secret[]> = (text) => {
  const parsed = list(secret)(text)
  return 'value' in parsed && parsed.value.length > 2 ? { problem: 'must be one secret, or two while one replaces the other' } : parsed
}

export const TELEPHONY_VARIABLES = {
  PUBLIC_URL: optional(
    origin,
    'The relay’s own address as carriers of telephone calls know it, `https` without a path. Their signatures are checked against it. Plain `http` on loopback only.',
  ),
  TELEPHONY_PROFILE: optional(
    plainText,
    'JSON map of called number (E.164, or a SIP user) to profile; `*` is any other number. A number that it does not have is refused. Needed if a carrier is set.',
  ),
  TELEPHONY_CALLERS: optional(plainText, 'JSON `{allow, deny}` of callers’ numbers, or of beginnings such as `+49*`. `deny` wins. With `allow`, nobody else comes in.'),
  TELEPHONY_WITHHELD: required(
    oneOf('allow', 'refuse'),
    'allow',
    'Callers who withhold their number. `allow`: they are one caller together, for limits and quotas. With `allow` in `TELEPHONY_CALLERS` they are refused.',
  ),
  TELEPHONY_LIMITS: optional(
    plainText,
    'JSON `{perCaller, withheld, perNumber, total, perCallerPerHour}`: most calls at once of one caller (2), of all who withhold their number (10), to one number (100), in all (100); and of one caller in an hour (30).',
  ),
  TELEPHONY_LOST_LINE: optional(
    matching(/^[^\p{Cc}]{1,500}$/u, '1 to 500 characters without line breaks'),
    'What a caller hears if the media are lost for good, such as “We lost the line, please call again.” Twilio says it by its own voice; other carriers end the call without a word.',
  ),
  TELEPHONY_CLAIMS: optional(
    plainText,
    'JSON map of claim to where it comes from: `from`, `to`, `carrier`, `header:<name>` or `text:<words>`. Headers are whatever the caller wrote. Unset: a caller has no claims.',
  ),
  ACS_CONNECTION_STRING: orFile(optional(connection, 'Connection string of Azure Communication Services.')),
  ACS_ENDPOINT: optional(origin, 'Instead of a connection string: the resource, `https://<resource>.communication.azure.com`, with Entra ID.'),
  ACS_SCOPE: required(
    matching(/^[\u0021-\u007e]{1,512}$/, `a token scope such as ${ACS_SCOPE}`),
    ACS_SCOPE,
    'Scope of the Entra token with which the relay asks the service. Another in sovereign clouds.',
  ),
  ACS_RESOURCE_ID: optional(matching(/^[\u0021-\u007e]{1,256}$/, 'the resource’s immutable id'), 'The resource’s immutable id, the audience of its tokens.'),
  ACS_ISSUER: required(matching(/^[\u0021-\u007e]{1,512}$/, 'an issuer'), ACS, 'Issuer of the service’s tokens. Another in sovereign clouds.'),
  ACS_KEYS_URL: required(httpUrl, `${ACS}/calling/keys`, 'Key set of the service’s tokens. Another in sovereign clouds.'),
  ACS_EVENT_GRID_SECRET: orFile(
    optional(secrets, 'Secret in the query of the Event Grid subscription’s address. Two, with a comma, while one replaces the other. At least 16 characters.'),
  ),
  ACS_EVENT_GRID_TOKEN: optional(
    plainText,
    'JSON `{issuer, audience, appId, keysUrl}` of the Entra tokens that Event Grid delivers with. Instead of, or beside, `ACS_EVENT_GRID_SECRET`.',
  ),
  TWILIO_AUTH_TOKEN: orFile(optional(secrets, 'Auth token of the Twilio account, which signs its requests. Two, with a comma, while one replaces the other.')),
  TWILIO_ACCOUNT_SID: optional(matching(/^AC[0-9a-f]{32}$/, 'AC and 32 hexadecimal digits'), 'The only account whose calls are taken. Unset: any that signs with the token.'),
  SIP_WEBHOOK_SECRET: orFile(
    optional(
      secrets,
      'Secret of the webhook that announces calls by SIP, `whsec_…`. Two, with a comma, while one replaces the other. Calls need Azure OpenAI in its GA form, or OpenAI.',
    ),
  ),
} as const
