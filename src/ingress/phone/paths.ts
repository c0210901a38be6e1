// The paths that carriers of telephone calls ask for, in one table for every carrier.

export const PHONE_PATHS = {
  twilioVoice: '/telephony/twilio/voice',
  twilioMedia: '/telephony/twilio/media',
  twilioAfter: '/telephony/twilio/after',
  acsIncoming: '/telephony/acs/incoming',
  acsMedia: '/telephony/acs/media/:ticket',
  acsCallbacks: '/telephony/acs/callbacks/:name',
  sipWebhook: '/telephony/sip/webhook',
} as const

/** Whether a route of this path may be upgraded: all that a carrier dials with its media. */
export function isPhoneMediaPath(path: string | undefined): boolean {
  return path === PHONE_PATHS.twilioMedia || path === PHONE_PATHS.acsMedia
}
