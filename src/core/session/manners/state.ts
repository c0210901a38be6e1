// What a session knows of its manners: what was said of the lines of its profile, how long nobody has spoken, how it parts, and which keys were pressed.
import type { SessionProfile } from '../../policy/profile.js'

/** A line of the profile, by its occasion. */
export type Line = 'greeting' | 'question' | 'silence_goodbye' | 'warning' | 'ending_goodbye'

/** Nobody speaks. */
export interface Quiet {
  /** Since when. While something is still being played: when that is expected to end, and looked at again. */
  readonly since: number
  readonly looked: boolean
  /** Of the client's audio by then. Without voice detection, more of it is speech. */
  readonly audioMs: number
}

/** The way to the end of the session, or of the relay's part of the call. */
export interface Parting {
  readonly how: 'hang_up' | 'transfer' | 'silence' | 'maximum_length'
  /** The call of the built-in tool that has no output yet. */
  readonly callId: string | undefined
  /** The response that called it. */
  readonly responseId: string | undefined
  /** Of a transfer. */
  readonly target: string | undefined
  /**
   * `answering`: the response that called the tool goes on. `goodbye`: it is to be said, or is being said. `hearing`: what was said is being heard.
   * `asked`: the carrier is to transfer the caller.
   */
  readonly phase: 'answering' | 'goodbye' | 'hearing' | 'asked'
  /** The model was told to say goodbye, and is not told so again. */
  readonly told: boolean
  readonly lookAt: number
  /** Nothing is waited for after it. */
  readonly until: number
  /** `until` counts from the end of what was being played. */
  readonly measured: boolean
}

export interface Keys {
  /** Pressed since the user's last turn. */
  readonly pressed: string
  /** Pressed before that turn, and after the one before. */
  readonly held: string
  readonly lastAt: number
  /** To be told to the model, at `tellAt`. */
  readonly untold: string
  readonly tellAt: number | undefined
}

export interface MannersState {
  readonly greeted: boolean
  readonly warned: boolean
  /** To be said as soon as nobody else speaks. */
  readonly wanted: Line | undefined
  /** Asked for, at the quota or upstream, and not over. `eventId`: once it is sent. */
  readonly line: { readonly what: Line; readonly eventId: string | undefined } | undefined
  readonly quiet: Quiet | undefined
  /** Questions asked since the user was last heard. */
  readonly asked: number
  readonly parting: Parting | undefined
  readonly keys: Keys
}

export const noKeys: Keys = { pressed: '', held: '', lastAt: 0, untold: '', tellAt: undefined }

/** `greeted`: another instance had the conversation before. */
export function mannersBegin({ manners }: SessionProfile, greeted: boolean): MannersState | undefined {
  return manners && { greeted, warned: false, wanted: undefined, line: undefined, quiet: undefined, asked: 0, parting: undefined, keys: noKeys }
}

/** What goes on elsewhere: nothing that is under way. `shift`: from this clock to the other. */
export function mannersElsewhere(manners: MannersState | undefined, shift: number): MannersState | undefined {
  if (!manners) return undefined
  const { keys } = manners
  const tellAt = keys.tellAt === undefined ? undefined : keys.tellAt + shift
  return { ...manners, wanted: undefined, line: undefined, quiet: undefined, parting: undefined, keys: { ...keys, lastAt: keys.lastAt + shift, tellAt } }
}
