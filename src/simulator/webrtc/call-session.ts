// The session that a client secret or a call brings with it: checked by the rules of `session.update`, and its echo.
import { isObject, type Json, type JsonObject } from '../../core/protocol/events.js'
import { CLIENT_EVENTS } from '../client-events.js'
import { DEPLOYMENT_NOT_FOUND } from '../error-events.js'
import { traitsOf } from '../models.js'
import type { SimulatorOptions } from '../options.js'
import { applyUpdate, defaultConfig, type SessionConfig, updateProblem } from '../session-config.js'
import { check, isDeeper, type Problem, problem } from '../validate.js'

export interface CallSession {
  readonly type: SessionConfig['type']
  readonly deployment: string
  /** As they were given. */
  readonly settings: JsonObject
}

const MAX_DEPTH = 64

export function readCallSession(given: Json | undefined, options: SimulatorOptions): CallSession | Problem {
  if (!isObject(given)) return problem('missing_required_parameter', 'session', "Missing required parameter: 'session'.")
  if (isDeeper(given, MAX_DEPTH)) return problem('invalid_value', 'session', 'The session is nested too deeply.')
  const bad = check({ type: 'session.update', session: given }, CLIENT_EVENTS['session.update'], '')
  if (bad) return bad
  const type = given.type === 'transcription' ? 'transcription' : 'realtime'
  const deployment = type === 'transcription' ? 'transcription' : typeof given.model === 'string' ? given.model : ''
  if (deployment === '') return problem('missing_required_parameter', 'session.model', "Missing required parameter: 'session.model'.")
  if (type === 'realtime' && options.deployments && !options.deployments.includes(deployment)) return DEPLOYMENT_NOT_FOUND
  const session: CallSession = { type, deployment, settings: given }
  return updateProblem(freshConfig(session, '', options), given, false) ?? session
}

/** All its settings, as the answer to a client secret shows them. Its end is not fixed before it begins. */
export function shownSession(session: CallSession, id: string, options: SimulatorOptions): SessionConfig {
  return applyUpdate(freshConfig(session, id, options), session.settings, traitsOf(options.model ?? session.deployment))
}

function freshConfig({ type, deployment }: CallSession, id: string, options: SimulatorOptions): SessionConfig {
  const model = options.model ?? deployment
  return defaultConfig(type, id, model, 0, traitsOf(model))
}
