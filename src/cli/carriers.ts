// Opens a simulated carrier for `simulate-call`, with the credentials that the relay's own environment holds, and names the settings that the relay must have.
import { randomBytes, randomUUID } from 'node:crypto'
import { createEnvReader, createProblemList } from '../config/environment.js'
import { processEnvironment } from '../config/load.js'
import type { SimulatedCarrier } from '../simulator/carriers/carrier.js'
import { UsageError } from './commands.js'

const CARRIERS = ['twilio', 'acs', 'sip'] as const
export type CarrierName = (typeof CARRIERS)[number]

export interface CarrierRequest {
  readonly carrier: CarrierName
  readonly url: string | undefined
  readonly port: number | undefined
}

const ACS_PORT = 9201
const SIP_PORT = 9202
const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])$/

export function carrierNamed(name: string): CarrierName | undefined {
  return CARRIERS.find((one) => one === name)
}

/** Reads a setting as the relay does, from its variable or the file that NAME_FILE names. */
type Setting = (name: string) => string | undefined

function settingReader(): Setting {
  const env = createEnvReader(processEnvironment(), process.cwd(), createProblemList())
  return (name) => env.free(name) || undefined
}

/** Where the relay listens on this machine. */
function relayUrl({ url }: CarrierRequest, setting: Setting): string {
  return url ?? `http://127.0.0.1:${setting('PORT') ?? '8080'}`
}

/** Of two that are valid while one replaces the other, the first. */
const firstOf = (list: string | undefined) => list?.split(',')[0]?.trim() || undefined

/** Lines of an environment file: what is not set yet, with credentials made up for the simulated carrier. What is set is named, and not shown. */
export function settingsFor(request: CarrierRequest): readonly string[] {
  const setting = settingReader()
  const wanted = { PUBLIC_URL: relayUrl(request, setting), TELEPHONY_PROFILE: '{"*": "default"}', ...MADE_UP[request.carrier](request.port) }
  return Object.entries(wanted).map(([name, value]) => (setting(name) === undefined ? `${name}=${value.includes('"') ? `'${value}'` : value}` : `# ${name} is set already`))
}

const MADE_UP: Readonly<Record<CarrierName, (port: number | undefined) => Readonly<Record<string, string>>>> = {
  twilio: () => ({ TWILIO_AUTH_TOKEN: randomBytes(16).toString('hex') }),
  acs(port = ACS_PORT) {
    const endpoint = `http://127.0.0.1:${port}`
    return {
      ACS_CONNECTION_STRING: `endpoint=${endpoint}/;accesskey=${randomBytes(32).toString('base64')}`,
      ACS_RESOURCE_ID: randomUUID(),
      ACS_ISSUER: endpoint,
      ACS_KEYS_URL: `${endpoint}/calling/keys`,
      ACS_EVENT_GRID_SECRET: randomBytes(24).toString('hex'),
    }
  },
  sip: (port = SIP_PORT) => ({
    AZURE_OPENAI_ENDPOINT: `http://127.0.0.1:${port}`,
    AZURE_OPENAI_DEPLOYMENT: 'simulated',
    AZURE_OPENAI_API_KEY: 'simulator-key',
    SIP_WEBHOOK_SECRET: `whsec_${randomBytes(24).toString('base64')}`,
  }),
}

/** Throws a `UsageError` that names the setting. */
export async function openCarrier(request: CarrierRequest): Promise<SimulatedCarrier> {
  const setting = settingReader()
  const need = (name: string): string => {
    const value = setting(name)
    if (value === undefined)
      throw new UsageError(`${name} is not set. simulate-call --carrier ${request.carrier} --settings prints what relay and caller must share.`, 'simulate-call')
    return value
  }
  return await OPEN[request.carrier](request, setting, need)
}

type Open = (request: CarrierRequest, setting: Setting, need: (name: string) => string) => Promise<SimulatedCarrier>

const OPEN: Readonly<Record<CarrierName, Open>> = {
  async twilio(request, setting, need) {
    const { createTwilio } = await import('../simulator/carriers/twilio.js')
    const authToken = firstOf(need('TWILIO_AUTH_TOKEN')) ?? ''
    const accountSid = setting('TWILIO_ACCOUNT_SID') ?? `AC${randomBytes(16).toString('hex')}`
    return createTwilio({ relayUrl: relayUrl(request, setting), publicUrl: need('PUBLIC_URL'), authToken, accountSid })
  },
  async acs(request, setting, need) {
    const { createAcs } = await import('../simulator/carriers/acs.js')
    const parts = new Map(
      need('ACS_CONNECTION_STRING')
        .split(';')
        .map((part) => [part.split('=', 1)[0]?.trim().toLowerCase(), part.slice(part.indexOf('=') + 1)]),
    )
    const endpoint = parts.get('endpoint') ?? ''
    const own = URL.canParse(endpoint) && LOOPBACK.test(new URL(endpoint).hostname) ? new URL(endpoint) : undefined
    if (!own)
      throw new UsageError(
        'ACS_CONNECTION_STRING names a real resource, which knows nothing of a simulated call. Start the relay with the settings of --settings.',
        'simulate-call',
      )
    const secret = firstOf(setting('ACS_EVENT_GRID_SECRET'))
    const port = request.port ?? (Number(own.port) || ACS_PORT)
    const given = { relayUrl: relayUrl(request, setting), resourceId: need('ACS_RESOURCE_ID'), accessKey: parts.get('accesskey') ?? '', port }
    return await createAcs({ ...given, ...(secret !== undefined && { secret }) })
  },
  async sip(request, setting, need) {
    const endpoint = need('AZURE_OPENAI_ENDPOINT')
    const own = URL.canParse(endpoint) && LOOPBACK.test(new URL(endpoint).hostname) ? new URL(endpoint) : undefined
    if (!own)
      throw new UsageError('AZURE_OPENAI_ENDPOINT names a real service, which knows nothing of a simulated call. Start the relay with the settings of --settings.', 'simulate-call')
    const secret = firstOf(need('SIP_WEBHOOK_SECRET')) ?? ''
    const [{ startSimulator }, { createSip }] = await Promise.all([import('../simulator/simulator.js'), import('../simulator/carriers/sip.js')])
    const simulator = await startSimulator({ apiKey: need('AZURE_OPENAI_API_KEY'), port: request.port ?? (Number(own.port) || SIP_PORT), voice: 'espeak' })
    const sip = createSip({ simulator, relayUrl: relayUrl(request, setting), secret })
    return {
      ring: sip.ring,
      async close() {
        await sip.close()
        await simulator.close()
      },
    }
  },
}
