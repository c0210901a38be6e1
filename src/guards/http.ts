// The guard that is an endpoint of the admin's: it is told side and text, and says whether they are blocked.
import type { GuardRun } from '../config/guard-config.js'
import type { Guard } from '../ports/guards.js'
import { readAnswer } from './answer.js'
import type { GuardOptions } from './guard-options.js'
import { postJson } from './post-json.js'
import { reachable } from './reachable.js'

type HttpRun = Extract<GuardRun, { kind: 'http' }>

export function createHttpGuard(name: string, { url, headers, subject }: HttpRun, options: Pick<GuardOptions, 'dispatcherFor' | 'reaches' | 'digestOf'>): Guard {
  const health = reachable(() => options.reaches(url))
  return {
    name,
    isLocal: false,
    async check({ side, text }, { identity, sessionId, signal, trace }) {
      const own = Object.fromEntries(Object.entries(headers).map(([header, value]) => [header.toLowerCase(), value.reveal()]))
      const body = { side, text, session: sessionId, ...(subject && { subject: options.digestOf(identity) }) }
      const traced = trace === undefined ? {} : { traceparent: trace }
      return readAnswer(await postJson(url, { headers: { ...traced, ...own }, body, dispatcher: options.dispatcherFor(url), signal }))
    },
    health,
    close: async () => undefined,
  }
}
