// Makes of a profile what holds for a caller on the telephone, who has no client: the carrier's audio, and nothing that only a client could answer.
import type { SessionProfile } from '../../core/policy/profile.js'
import type { JsonObject } from '../../core/protocol/events.js'
import { writePath } from '../../core/protocol/paths.js'
import type { Format } from './gaps.js'

const FORMATS: Readonly<Record<Format, JsonObject>> = { pcm: { type: 'audio/pcm', rate: 24_000 }, pcmu: { type: 'audio/pcmu' } }
const NOTHING: ReadonlySet<string> = new Set()

/** `format` absent: the carrier and the upstream agree on it. */
export function phoneProfile(chosen: SessionProfile, format: Format | undefined): SessionProfile {
  const session: JsonObject = { ...chosen.session }
  if (format !== undefined) {
    // With any other, what is heard on either side would be noise.
    writePath(session, 'audio.input.format', { ...FORMATS[format] })
    writePath(session, 'audio.output.format', { ...FORMATS[format] })
  }
  return {
    ...chosen,
    session,
    tools: chosen.tools.filter(({ owner }) => owner === 'server'),
    // A telephone cannot truncate; by SIP the service knows what was played.
    ...(format !== undefined && { interruption: { bargeIn: 'allow' as const, ...chosen.interruption, truncate: 'relay' as const } }),
    clientMaySet: NOTHING,
    clientMaySetValues: undefined,
    clientMaySeedHistory: false,
    clientTools: false,
    // Nobody reads them, and without them no token to come back is offered.
    relayEvents: false,
    limits: { ...chosen.limits, resumeMs: 0 },
  }
}
