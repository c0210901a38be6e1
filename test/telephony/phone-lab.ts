// A relay with real sockets between a simulated carrier and the simulated Azure, and a caller who speaks at wall time.
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import type { Config } from '../../src/config/config.js'
import { loadConfig } from '../../src/config/load.js'
import { Secret } from '../../src/config/secret.js'
import type { TelephonyConfig } from '../../src/config/telephony-config.js'
import type { LogSink } from '../../src/ops/log-sink.js'
import { startServer } from '../../src/server/server.js'
import { type AcsOptions, createAcs, type SimulatedAcs } from '../../src/simulator/carriers/acs.js'
import type { AcsCall } from '../../src/simulator/carriers/acs-call.js'
import type { CarrierCall } from '../../src/simulator/carriers/carrier.js'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.js'
import { checkTools } from '../../src/tools/check.js'

export const CALLER = '+4915550001'
export const CALLED = '+4930555000'
const ACS = { resourceId: '6ba7b810-9dad-11d1-80b4-00c04fd430c8', accessKey: Buffer.alloc(32, 3).toString('base64'), secret: 'secret of the event grid of the tests' }

export interface PhoneLabOptions {
  /** The profile `phone`, as in PROFILES_FILE. */
  readonly profile?: object
  readonly tools?: readonly unknown[] | undefined
  readonly simulator?: SimulatorOptions
  readonly env?: Readonly<Record<string, string>>
  readonly telephony?: Partial<TelephonyConfig>
  readonly acs?: Partial<AcsOptions>
}

export interface PhoneLab {
  readonly url: string
  readonly simulator: Simulator
  readonly acs: SimulatedAcs
  /** Events that the relay sent to the model, of all sessions, oldest first. */
  sent(type: string): readonly Readonly<Record<string, unknown>>[]
  /** Every line of the relay's log. */
  readonly log: readonly string[]
  /** As on a signal: the process could exit after it. */
  drain(): Promise<void>
  close(): Promise<void>
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

export async function openPhoneLab(options: PhoneLabOptions = {}): Promise<PhoneLab> {
  const folder = mkdtempSync(join(tmpdir(), 'relay-phone-'))
  const simulator = await startSimulator({ apiKey: 'key', deployments: ['voice'], ...options.simulator })
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const acs = await createAcs({ relayUrl: url, ...ACS, ...options.acs })
  writeFileSync(join(folder, 'profiles.json'), JSON.stringify({ phone: { instructions: 'You answer the telephone.', ...options.profile } }))
  const log: string[] = []
  const config: Config = {
    ...loadConfig(
      checkTools,
      {
        HOST: '127.0.0.1',
        PORT: String(port),
        ADMIN_PORT: '0',
        LOG_LEVEL: 'debug',
        JWT_SECRET: 'a shared secret of the tests, 32 bytes or more',
        AZURE_OPENAI_ENDPOINT: simulator.url,
        AZURE_OPENAI_DEPLOYMENT: 'voice',
        AZURE_OPENAI_API_KEY: 'key',
        PROFILES_FILE: join(folder, 'profiles.json'),
        CONNECTS_PER_SECOND: '1000',
        ...(options.tools && { TOOLS: JSON.stringify(options.tools) }),
        ...options.env,
      },
      { mode: 'serve', cwd: folder },
    ),
    telephony: { ...telephonyOf(url, acs), ...options.telephony },
  }
  const relay = await startServer(config, { sink: () => sinkTo(log) })
  return {
    url,
    simulator,
    acs,
    log,
    sent: (type) => simulator.received.flatMap(({ events }) => events.filter((event) => event.type === type)),
    drain: () => relay.drain(),
    async close() {
      if (process.env.PHONE_DEBUG)
        console.log(
          log.join(''),
          JSON.stringify(
            simulator.received.map(({ events }) => events.filter(({ type }) => type !== 'input_audio_buffer.append')),
            null,
            1,
          ),
        )
      await acs.close()
      await relay.drain()
      await simulator.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function sinkTo(lines: string[]): LogSink {
  return { write: (line) => void lines.push(line), flush: async () => undefined, dropped: 0 }
}

function telephonyOf(url: string, acs: SimulatedAcs): TelephonyConfig {
  return {
    publicUrl: new URL(url),
    profiles: { '*': 'phone' },
    callers: { allow: undefined, deny: [] },
    withheld: 'allow',
    limits: { perCaller: 3, withheld: 5, perNumber: 1000, total: 1000, perCallerPerHour: 1000 },
    claims: {},
    twilio: undefined,
    sip: undefined,
    acs: acsConfigOf(acs),
  }
}

/** What lets a relay believe this service and obey it. */
export function acsConfigOf(acs: SimulatedAcs): NonNullable<TelephonyConfig['acs']> {
  return {
    endpoint: new URL(acs.endpoint),
    accessKey: new Secret(ACS.accessKey),
    scope: 'https://communication.azure.com//.default',
    resourceId: ACS.resourceId,
    issuer: acs.issuer,
    keysUrl: new URL(acs.keysUrl),
    eventGrid: { secrets: [new Secret(ACS.secret)], token: undefined },
  }
}

/** Dials a call's media socket at this relay as ACS does, with this token. 101: it was let in, and is closed again. */
export function mediaStatus(url: string, { addresses, names }: AcsCall, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'x-ms-call-connection-id': names.connectionId }
  const socket = new WebSocket(url.replace('http', 'ws') + new URL(addresses?.transportUrl ?? '').pathname, { headers })
  return new Promise((resolve) => {
    socket.once('error', () => undefined)
    socket.once('open', () => {
      socket.close()
      resolve(101)
    })
    socket.once('unexpected-response', (request, response) => {
      request.destroy()
      resolve(response.statusCode ?? 0)
    })
  })
}

/** Resolves when it holds. Rejects after `ms`, naming what was awaited. */
export async function eventually(what: string, holds: () => boolean, ms = 15_000): Promise<void> {
  const end = performance.now() + ms
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Nothing of the relay waits to be played, and nothing came for a while. */
export async function quiet(call: CarrierCall, ms = 600): Promise<void> {
  let since = performance.now()
  await eventually(
    'quiet',
    () => {
      if (call.queuedMs > 0) since = performance.now()
      return performance.now() - since >= ms
    },
    60_000,
  )
}
