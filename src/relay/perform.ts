// Carries out one action of core, at once and without waiting.
import type { Action } from '../core/session/state.js'
import type { RelayedSession } from './session.js'
import { limitsOfEvent, usageCounters } from './usage.js'

export function perform(session: RelayedSession, action: Action): void {
  switch (action.do) {
    case 'send':
      if (action.to === 'upstream') session.sendUpstreamEvent(action.event)
      else if (action.frame) session.sendClient(action.frame)
      else session.sendClientEvent(action.event)
      return
    case 'release.client':
      session.releaseClient()
      return
    case 'tool.start':
      startTool(session, action)
      return
    case 'tool.cancel':
      session.toolAborts.get(action.callId)?.abort()
      return
    case 'record.limits':
      recordLimits(session, action)
      return
    case 'record.usage':
      recordUsage(session, action)
      return
    case 'close':
      session.close(action.code, action.why)
      return
    case 'note':
      session.opened.recorder.note(action.note)
      return
  }
}

function startTool(session: RelayedSession, call: Extract<Action, { do: 'tool.start' }>): void {
  const { tools, identity, sessionId, recorder } = session.opened
  const abort = new AbortController()
  session.toolAborts.set(call.callId, abort)
  const known = tools.tools.some((tool) => tool.definition.name === call.name)
  const done = (output: string) => {
    session.toolAborts.delete(call.callId)
    session.apply({ is: 'tool.finished', callId: call.callId, output })
  }
  tools.run({ callId: call.callId, name: call.name, arguments: call.arguments }, { identity, sessionId, signal: abort.signal }).then(
    ({ output, outcome, durationMs, cut }) => {
      recorder.note({ note: 'tool_finished', tool: known ? call.name : 'unknown', outcome, durationMs, cut })
      done(output)
    },
    () => done('The tool failed.'),
  )
}

function recordLimits(session: RelayedSession, { event }: Extract<Action, { do: 'record.limits' }>): void {
  const limits = limitsOfEvent(event)
  if (limits.length === 0) return
  const { identity, sessionId } = session.opened
  session.deps.store.recordLimits({ deployment: session.deployment, source: 'event', at: session.deps.now(), limits, sessionId, subject: identity.subject })
}

function recordUsage(session: RelayedSession, { responseId, usage }: Extract<Action, { do: 'record.usage' }>): void {
  const counters = usageCounters(usage)
  const { identity } = session.opened
  const report = { subject: identity.subject, deployment: session.deployment, at: session.deps.now(), counters }
  session.deps.store.recordUsage(responseId === '' ? report : { ...report, onceId: responseId })
}
