// Which words of a token's `scope` let an operator read, and which let one act.
import type { Identity } from '../ports/caller.js'

export const READ_SCOPE = 'relay:read'
export const ADMIN_SCOPE = 'relay:admin'

export function mayRead(identity: Pick<Identity, 'claims'>): boolean {
  return hasScope(identity, READ_SCOPE) || mayAct(identity)
}

export function mayAct(identity: Pick<Identity, 'claims'>): boolean {
  return hasScope(identity, ADMIN_SCOPE)
}

function hasScope({ claims }: Pick<Identity, 'claims'>, wanted: string): boolean {
  const scope = Object.hasOwn(claims, 'scope') ? claims.scope : undefined
  const words: readonly unknown[] = typeof scope === 'string' ? scope.split(' ') : Array.isArray(scope) ? scope : []
  return words.includes(wanted)
}
