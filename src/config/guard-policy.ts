// Reads which guards a profile has and what a block means there, and finds guards that could do nothing.
import type { GuardPolicy } from '../core/policy/guards.js'
import { isObject } from '../core/protocol/events.js'
import { readPath } from '../core/protocol/paths.js'
import type { Config, TelephonyConfig, WebrtcMode } from './config.js'
import type { Problems } from './environment.js'
import type { GuardConfig } from './guard-config.js'
import { type Fields, quoted } from './json-fields.js'
import { wholeNumber } from './parse.js'

const MAX_LINE = 500
const MAX_BLOCKS = 5
const ONLY_WITH_GUARDS = ['blockedLine', 'blockedMessage', 'maxBlocks', 'tellModel'] as const
const TRANSCRIPTION = 'audio.input.transcription'

/** Of a profile that names none: all guards, as it has all tools. A guard that everybody forgot to name would do nothing. */
export function allGuards(guards: readonly GuardConfig[]): GuardPolicy | undefined {
  return policyOf(guards, { tellsModel: false, maxBlocks: MAX_BLOCKS })
}

export function readGuardPolicy(fields: Fields, guards: readonly GuardConfig[]): GuardPolicy | undefined {
  const names = fields.strings('guards') ?? guards.map(({ name }) => name)
  for (const [index, name] of names.entries()) {
    if (!guards.some((guard) => guard.name === name)) fields.bad('guards', `names ${quoted(name)}, which GUARDS does not have`)
    else if (names.indexOf(name) !== index) fields.bad('guards', `names ${quoted(name)} twice`)
  }
  if (names.length === 0) for (const key of ONLY_WITH_GUARDS) if (fields.has(key)) fields.bad(key, 'says nothing in a profile without guards')
  const rest = {
    blockedLine: line(fields, 'blockedLine'),
    blockedMessage: line(fields, 'blockedMessage'),
    tellsModel: fields.boolean('tellModel', false),
    maxBlocks: fields.number('maxBlocks', wholeNumber(1, 1000)) ?? MAX_BLOCKS,
  }
  return policyOf(
    names.flatMap((name) => guards.find((guard) => guard.name === name) ?? []),
    rest,
  )
}

function policyOf(guards: readonly GuardConfig[], rest: Omit<GuardPolicy, 'guards'>): GuardPolicy | undefined {
  return guards.length === 0 ? undefined : { guards: guards.map(({ name, on, mode, whenUnsure }) => ({ name, on, mode, whenUnsure })), ...rest }
}

function line(fields: Fields, key: 'blockedLine' | 'blockedMessage'): string | undefined {
  const text = fields.string(key)
  if (text !== undefined && (text.trim() === '' || text.length > MAX_LINE)) fields.bad(key, `must have 1 to ${MAX_LINE} characters`)
  return text
}

/** What the user says is read as a transcript, and what the model says is held in the relay: without these such guards would do nothing. */
export function checkGuards(
  { profiles, guards }: Pick<Config, 'profiles' | 'guards'>,
  elsewhere: { readonly webrtcOf: (profile: string) => WebrtcMode; readonly telephony: TelephonyConfig | undefined; readonly hasSharedSecret: boolean },
  problems: Problems,
): void {
  for (const { name, run } of guards)
    if (run.kind === 'http' && run.subject && !elsewhere.hasSharedSecret)
      problems.add(
        'CALLS_SECRET',
        `is missing: the guard ${quoted(name)} names users by a digest, made with a secret that all relays share; JWT_SECRET or a key of an upstream would do`,
      )
  const bySip = elsewhere.telephony?.sip ? Object.values(elsewhere.telephony.profiles) : []
  for (const [name, profile] of Object.entries(profiles)) {
    const subject = `GUARDS in the profile ${quoted(name)}:`
    const onInput = profile.guards?.guards.find(({ on }) => on.includes('input'))
    if (onInput && !isObject(readPath(profile.session, TRANSCRIPTION)))
      problems.add(subject, `${quoted(onInput.name)} reads what the user says, and session ${TRANSCRIPTION} is not set: without it nothing spoken is written down`)
    if (onInput && profile.clientMaySet.some((path) => TRANSCRIPTION.startsWith(path) || path.startsWith(TRANSCRIPTION)))
      problems.add(subject, `${quoted(onInput.name)} reads what the user says, and clientMaySet lets the client change ${TRANSCRIPTION}`)
    const held = profile.guards?.guards.find(({ on, mode }) => mode === 'hold' && on.includes('output'))
    if (held && elsewhere.webrtcOf(name) !== 'off')
      problems.add(subject, `${quoted(held.name)} holds what the model says, and the sound of WebRTC calls goes past the relay: set "webrtc": "off" there, or the mode cut`)
    if (held && bySip.includes(name))
      problems.add(
        subject,
        `${quoted(held.name)} holds what the model says, and the sound of calls by SIP goes past the relay: give TELEPHONY_PROFILE another profile, or the guard the mode cut`,
      )
  }
}
