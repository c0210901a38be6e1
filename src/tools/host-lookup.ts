// Resolves the host names of tools: one question per name at a time, and only public addresses for tools that ask for that.
import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { isPrivateAddress } from './private-address.js'

type Answer = (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void

/**
 * Callers that ask for a name while it is being resolved get the same answer. A look-up blocks one of the few threads that the process has
 * for them. A name server that does not answer then blocks one thread per host, not one per connection.
 */
export function createSharedLookup(resolve: typeof systemLookup = systemLookup): LookupFunction {
  const waiting = new Map<string, Answer[]>()
  return (hostname, options, callback) => {
    const settle = settling(options.all === true, callback)
    const key = `${hostname} ${options.family ?? 0} ${options.hints ?? 0}`
    const others = waiting.get(key)
    if (others) return void others.push(settle)
    const askers = [settle]
    waiting.set(key, askers)
    resolve(hostname, { family: options.family ?? 0, hints: options.hints ?? 0, all: true }, (error, addresses) => {
      waiting.delete(key)
      for (const asker of askers) asker(error, addresses ?? [])
    })
  }
}

/**
 * The connection uses the addresses checked here, so a name that changes its answer in between gains nothing. One private address among them
 * refuses them all. An address in place of a name is never looked up, so `checkTools` checks it.
 */
export function createPublicLookup(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    const settle = settling(options.all === true, callback)
    lookup(hostname, { ...options, all: true }, (error, found) => {
      const addresses = Array.isArray(found) ? found : []
      settle(error ?? (addresses.some(({ address }) => isPrivateAddress(address)) ? new Error('private address') : null), addresses)
    })
  }
}

/** Answers in the shape that was asked for: all addresses or the first. */
function settling(all: boolean, callback: Parameters<LookupFunction>[2]): Answer {
  return (error, addresses) => {
    const first = addresses[0]
    if (error || !first) callback(error ?? new Error('no address'), '', 0)
    else if (all) callback(null, [...addresses])
    else callback(null, first.address, first.family)
  }
}
