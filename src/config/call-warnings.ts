// Finds what a profile asks for that does nothing in calls by WebRTC or SIP, since the service alone hears and plays them.
import { readPath } from '../core/protocol/paths.js'
import type { Config } from './config.js'
import { quoted } from './json-fields.js'
import { webrtcMode } from './webrtc.js'

const OF_RELAY = ['protectMs', 'minSpeechMs'] as const
const TURNS = 'audio.input.turn_detection'
/** The service refuses them to calls by SIP, so they are left out there. */
const NOT_BY_SIP = ['threshold', 'prefix_padding_ms', 'silence_duration_ms'] as const

/** One sentence for each profile and kind of call. */
export function callWarnings(config: Pick<Config, 'profiles' | 'webrtc' | 'telephony'>): readonly string[] {
  const bySip = new Set(config.telephony?.sip ? Object.values(config.telephony.profiles) : [])
  return Object.entries(config.profiles).flatMap(([name, profile]) => {
    const own = OF_RELAY.filter((field) => (profile.interruption?.[field] ?? 0) > 0)
    const refused = NOT_BY_SIP.filter((field) => readPath(profile.session, `${TURNS}.${field}`) !== undefined).map((field) => `${TURNS}.${field}`)
    const sentence = (fields: readonly string[], calls: string) =>
      fields.length === 0 ? [] : [`Profile ${quoted(name)} sets ${fields.join(', ')}: ignored in calls by ${calls}, which the service hears and plays without the relay`]
    return [...(webrtcMode(config, name) === 'off' ? [] : sentence(own, 'WebRTC')), ...(bySip.has(name) ? sentence([...own, ...refused], 'SIP') : [])]
  })
}
