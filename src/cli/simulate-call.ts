// The command `simulate-call`: rings the relay as a carrier does, with correct proofs, says what it is told, and prints a timeline without content.
import { readFileSync, writeFileSync } from 'node:fs'
import { CALLER_RATE } from '../simulator/carriers/carrier.js'
import { type CallOutcome, type CallPlan, placeCall } from '../simulator/carriers/placed-call.js'
import { speak } from '../simulator/speech.js'
import { fromWav, toWav } from '../simulator/wav.js'
import { type CarrierName, carrierNamed, openCarrier, settingsFor } from './carriers.js'
import { UsageError } from './commands.js'
import { options } from './options.js'

const TEXT = { type: 'string' } as const
export const CALL_OPTIONS = {
  carrier: TEXT,
  settings: { type: 'boolean' },
  url: TEXT,
  port: TEXT,
  from: TEXT,
  to: TEXT,
  say: { type: 'string', multiple: true },
  'interrupt-at': TEXT,
  press: TEXT,
  'hang-up-after': TEXT,
  'until-ended': { type: 'boolean' },
  seconds: TEXT,
  save: TEXT,
  'env-file': TEXT,
} as const

const FROM = '+4915550001'
const TO = '+4930555000'
const SECONDS = 120
const VOICE = { voice: 'alloy', speed: 1 }

export interface CallRequest {
  readonly carrier: CarrierName
  readonly settings: boolean
  readonly url: string | undefined
  readonly port: number | undefined
  readonly says: readonly string[]
  readonly save: string | undefined
  readonly plan: Omit<CallPlan, 'says'>
  readonly envFile: string | undefined
}

/** Throws a `UsageError` that names the option. Reads no file. */
export function callRequest(args: readonly string[]): CallRequest {
  const { values } = options('simulate-call', args, CALL_OPTIONS)
  const says = values.say ?? []
  const interruptAtMs = number('--interrupt-at', values['interrupt-at'], 600_000)
  const seconds = number('--seconds', values.seconds, 7200) ?? SECONDS
  const hangUpAfter = number('--hang-up-after', values['hang-up-after'], 7200)
  if (interruptAtMs !== undefined && says.length === 0) throw new UsageError('--interrupt-at needs a --say that breaks in.', 'simulate-call')
  if (values.press !== undefined && !/^[0-9*#A-D]{1,64}$/.test(values.press)) throw new UsageError('--press takes keys: 0 to 9, *, # and A to D, at most 64.', 'simulate-call')
  const carrier = carrierNamed(values.carrier ?? 'twilio')
  if (!carrier) throw new UsageError('--carrier must be one of twilio, acs, sip.', 'simulate-call')
  if (values.url !== undefined && !/^https?:\/\/[^/]/.test(values.url)) throw new UsageError('--url must be a URL such as http://127.0.0.1:8080.', 'simulate-call')
  return {
    carrier,
    settings: values.settings ?? false,
    url: values.url,
    port: number('--port', values.port, 65_535),
    says,
    save: values.save,
    envFile: values['env-file'],
    plan: {
      from: values.from === 'withheld' ? undefined : numberOf('--from', values.from ?? FROM),
      to: numberOf('--to', values.to ?? TO),
      interruptAtMs,
      keys: values.press,
      hangUpAfterMs: hangUpAfter === undefined ? undefined : hangUpAfter * 1000,
      untilEnded: values['until-ended'] ?? false,
      maxMs: seconds * 1000,
    },
  }
}

/** False: the call did not go as asked. Rejects if the carrier cannot be simulated as asked. */
export async function simulateCall(request: CallRequest, print: (line: string) => void): Promise<boolean> {
  if (request.settings) {
    for (const line of settingsFor(request)) print(line)
    return true
  }
  const says: Buffer[] = []
  for (const text of request.says) says.push(await soundOf(text, print))
  const carrier = await openCarrier(request)
  let outcome: CallOutcome
  try {
    outcome = await placeCall(carrier, { ...request.plan, says }, (atMs, what) => print(`${(atMs / 1000).toFixed(2).padStart(7)} s  ${what}`))
  } finally {
    await carrier.close()
  }
  if (request.save !== undefined) {
    writeFileSync(request.save, toWav(outcome.heard), { mode: 0o600 })
    print(`heard: ${request.save}, ${(outcome.heard.length / 2 / CALLER_RATE).toFixed(1)} s`)
  }
  for (const problem of outcome.problems) print(`problem: ${problem}`)
  print(outcome.problems.length === 0 ? 'The call went as asked.' : 'The call did not go as asked.')
  return outcome.problems.length === 0
}

/** The sound of a file, or of words. */
async function soundOf(text: string, print: (line: string) => void): Promise<Buffer> {
  if (!/\.wav$/i.test(text)) {
    const spoken = await speak(text, VOICE, 'espeak')
    const tones = await speak(text, VOICE, 'tones')
    if (spoken.pcm.equals(tones.pcm)) print('espeak-ng is not installed: words become tones, which a real model does not understand')
    return spoken.pcm
  }
  let file: Buffer
  try {
    file = readFileSync(text)
  } catch {
    throw new UsageError(`--say: ${text} cannot be read.`, 'simulate-call')
  }
  const pcm = fromWav(file)
  if (!pcm || pcm.length === 0) throw new UsageError(`--say: ${text} is no WAV file of 16-bit PCM with one channel.`, 'simulate-call')
  return pcm
}

function number(flag: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0) || value > max) throw new UsageError(`${flag} must be a number from 0 to ${max}.`, 'simulate-call')
  return value
}

function numberOf(flag: string, text: string): string {
  if (!/^(\+[1-9]\d{3,14}|[A-Za-z0-9._-]{1,64})$/.test(text)) throw new UsageError(`${flag} must be a number such as +4930555000, or a SIP user.`, 'simulate-call')
  return text
}
