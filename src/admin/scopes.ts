// Which words of a token's scopes let an operator read, and which let one act.
import { claimValues } from '../core/policy/claim-values.js'
import type { Identity } from '../ports/caller.js'

export const READ_SCOPE = 'relay:read'
export const ADMIN_SCOPE = 'relay:admin'
const SCOPE_CLAIM = 'scope'

type Caller = Pick<Identity, 'claims'>

/** `claim` is the name or path of the claim that has the scopes. */
export function mayRead({ claims }: Caller, claim: string | undefined): boolean {
  return claimValues(claims, claim ?? SCOPE_CLAIM).includes(READ_SCOPE) || mayAct({ claims }, claim)
}

export function mayAct({ claims }: Caller, claim: string | undefined): boolean {
  return claimValues(claims, claim ?? SCOPE_CLAIM).includes(ADMIN_SCOPE)
}
