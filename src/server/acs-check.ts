// Asks Azure Communication Services for something harmless, so that `check --telephony` can say whether the credentials are taken.
import { AcsError, type AcsService, createAcsControl } from '../ingress/phone/acs/control.js'

/** No connection has such an id. */
const NO_CALL = '00000000-0000-0000-0000-000000000000'

/** The HTTP status with which the service answers about a call that does not exist: 404 if it takes the credentials. Undefined: no answer. */
export async function acsStatus(acs: AcsService): Promise<number | undefined> {
  try {
    await createAcsControl(acs).startMedia(NO_CALL)
    return 202
  } catch (error) {
    return error instanceof AcsError ? error.status : undefined
  }
}
