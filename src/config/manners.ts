// Reads the manners of a profile: the lines that are said, when, and to whom a caller may be transferred.
import type { Manners } from '../core/policy/profile.js'
import { isObject } from '../core/protocol/events.js'
import { HANG_UP, TRANSFER_CALL } from '../core/session/manners/built-in.js'
import { type Fields, quoted } from './json-fields.js'
import { decimal, oneOf, wholeNumber } from './parse.js'

export interface ReadManners {
  readonly manners: Manners | undefined
  /** Name → number or SIP address. Nobody but the relay and the carrier learns of these. */
  readonly transferTo: Readonly<Record<string, string>> | undefined
}

const MAX_LINE = 500
const MAX_TARGETS = 32
/** The model reads and writes it. */
const TARGET_NAME = /^[\p{L}\p{N}](?:[\p{L}\p{N} _.-]{0,62}[\p{L}\p{N}])?$/u
const E164 = /^\+[1-9][0-9]{5,14}$/
const SIP_MAX = 256
/** A user and a host, and nothing that says more: no password, no parameter (`;`), no header (`?`). */
const SIP = /^sips?:[A-Za-z0-9_.!~*'()%&=+$,-]{1,64}@(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/

/** `toolNames`: of TOOLS. */
export function readManners(fields: Fields | undefined, toolNames: ReadonlySet<string>): ReadManners | undefined {
  if (!fields) return undefined
  const greeting = fields.has('greeting') ? line(fields, 'greeting') : undefined
  const silence = readSilence(fields.fields('silence'))
  const ending = readEnding(fields.fields('ending'))
  const hangUp = fields.boolean('hangUp', false)
  const transferTo = readTargets(fields)
  const keys = fields.parsed('keys', oneOf('tools', 'model'))
  fields.done()
  const offered = [...(hangUp ? [['hangUp', HANG_UP] as const] : []), ...(transferTo ? [['transferTo', TRANSFER_CALL] as const] : [])]
  for (const [key, name] of offered) if (toolNames.has(name)) fields.bad(key, `brings the tool ${quoted(name)}, and TOOLS has one of that name`)
  return { manners: { greeting, silence, ending, hangUp, transferTo: transferTo && Object.keys(transferTo), keys }, transferTo }
}

function readSilence(fields: Fields | undefined): Manners['silence'] {
  if (!fields) return undefined
  const seconds = needed(fields, 'seconds', fields.number('seconds', decimal(1, 600)))
  const question = line(fields, 'question')
  const times = needed(fields, 'times', fields.number('times', wholeNumber(0, 10)))
  const goodbye = line(fields, 'goodbye')
  fields.done()
  return { afterMs: Math.round((seconds ?? 0) * 1000), question, times: times ?? 0, goodbye }
}

function readEnding(fields: Fields | undefined): Manners['ending'] {
  if (!fields) return undefined
  const seconds = needed(fields, 'warnSeconds', fields.number('warnSeconds', decimal(10, 3600)))
  const warning = line(fields, 'warning')
  const goodbye = line(fields, 'goodbye')
  fields.done()
  return { warnMs: Math.round((seconds ?? 0) * 1000), warning, goodbye }
}

/** Undefined also if it names nobody. Mistakes quote the name, never the target. */
function readTargets(fields: Fields): Readonly<Record<string, string>> | undefined {
  const value = fields.raw('transferTo')
  if (value === undefined) return undefined
  if (!isObject(value) || Object.keys(value).length > MAX_TARGETS) {
    fields.bad('transferTo', `must be an object of at most ${MAX_TARGETS} names, each with a number or a SIP address`)
    return undefined
  }
  const targets: Record<string, string> = {}
  for (const [name, target] of Object.entries(value)) {
    if (!TARGET_NAME.test(name) || name === '__proto__') fields.bad('transferTo', `has the name ${quoted(name)}: names are 1 to 64 letters, digits, spaces, or _ . -`)
    else if (typeof target !== 'string' || !isTarget(target))
      fields.bad('transferTo', `${quoted(name)} must be a number such as +15550100, or a sip: or sips: address without parameters`)
    else targets[name] = target
  }
  return Object.keys(targets).length > 0 ? targets : undefined
}

function isTarget(target: string): boolean {
  return E164.test(target) || (target.length <= SIP_MAX && SIP.test(target))
}

function line(fields: Fields, key: string): string {
  const text = fields.string(key)
  if (text === undefined && !fields.has(key)) fields.bad(key, 'is missing')
  if (text !== undefined && (text.trim() === '' || text.length > MAX_LINE)) fields.bad(key, `must have 1 to ${MAX_LINE} characters`)
  return text ?? ''
}

function needed<T>(fields: Fields, key: string, value: T | undefined): T | undefined {
  if (value === undefined && !fields.has(key)) fields.bad(key, 'is missing')
  return value
}
