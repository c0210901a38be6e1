// Hangs up one call with a token of Entra in a process of its own, since Node reads NODE_EXTRA_CA_CERTS only at start, and prints what became of it.
import { createAcsControl } from '../../../../src/ingress/phone/acs/control.js'

const credential = {
  async getToken(scopes: string | string[]) {
    return { token: `token-for:${[scopes].flat().join()}`, expiresOnTimestamp: Date.now() + 3_600_000 }
  },
}
const control = createAcsControl(
  { endpoint: new URL(process.argv[2] ?? ''), accessKey: undefined, ...(process.argv[3] !== undefined && { scope: process.argv[3] }) },
  { credential },
)
await control.hangUp('connection-1').then(
  () => console.info('ok'),
  (error: Error) => console.info(error.message),
)
