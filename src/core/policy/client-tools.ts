// Rebuilds the tools that a client brings along, if its profile allows that, and keeps them apart from the server's.
import { isObject, type Json, type JsonObject, stringAt } from '../protocol/events.js'
import type { Rejection } from './policy.js'
import type { SessionProfile, SessionTool } from './profile.js'

type Rebuilt = { readonly ok: true; readonly tools: readonly SessionTool[] | undefined } | { readonly ok: false; readonly error: Rejection }

/** A function's name as upstreams take it. Source: GA schema of a function tool. */
export const TOOL_NAME = /^[A-Za-z0-9_-]{1,64}$/
/** A session with more is refused by the upstream as a whole. */
const MAX_TOOLS = 128
const MAX_DESCRIPTION = 4096

/**
 * Undefined if the update says nothing about tools, or may not: what is in force stays. The client's names for tools that the server
 * gave it to answer are left out, since SDKs send back what they were shown.
 */
export function rebuildClientTools(session: JsonObject, profile: SessionProfile): Rebuilt {
  const given = Object.hasOwn(session, 'tools') ? session.tools : undefined
  if (!profile.clientTools || given === undefined || given === null) return { ok: true, tools: undefined }
  if (!Array.isArray(given)) return wrong('session.tools', "'session.tools' must be a list.")
  const own = new Map(serverTools(profile).map((tool) => [tool.definition.name, tool.owner]))
  const tools = new Map<string, SessionTool>()
  for (const [index, entry] of given.entries()) {
    const at = `session.tools[${index}]`
    const tool = isObject(entry) ? rebuild(entry) : undefined
    if (!tool) return wrong(at, `'${at}' is not a function tool with a name of 1 to 64 letters, digits, - or _, a short description and a schema.`)
    const { name } = tool.definition
    const owner = own.get(name)
    if (owner === 'server') return { ok: false, error: { code: 'event_not_allowed', param: `${at}.name`, message: `The tool name '${name}' is the server's. Choose another.` } }
    if (tools.has(name)) return wrong(`${at}.name`, `The tool name '${name}' is used twice.`)
    if (owner === undefined) tools.set(name, tool)
  }
  if (own.size + tools.size > MAX_TOOLS) return wrong('session.tools', `A session may have at most ${MAX_TOOLS} tools, the server's included.`)
  return { ok: true, tools: [...tools.values()] }
}

/** What the server set up, without what the client brought along. */
export function serverTools(profile: SessionProfile): readonly SessionTool[] {
  return profile.tools.filter((tool) => !tool.registered)
}

/** The server's tools first, so that their place does not depend on the client. */
export function withClientTools(profile: SessionProfile, tools: readonly SessionTool[]): SessionProfile {
  return { ...profile, tools: [...serverTools(profile), ...tools] }
}

/** The same, from the tools of a rebuilt `session.update`, which holds both. */
export function withToolsOf(profile: SessionProfile, tools: readonly Json[]): SessionProfile {
  const names = new Set(serverTools(profile).map((tool) => tool.definition.name))
  const brought = tools.flatMap((tool) => (isObject(tool) && !names.has(stringAt(tool, 'name') ?? '') ? (rebuild(tool) ?? []) : []))
  return withClientTools(profile, brought)
}

function rebuild(entry: JsonObject): SessionTool | undefined {
  const name = stringAt(entry, 'name')
  const description = own(entry, 'description')
  const parameters = own(entry, 'parameters')
  if (own(entry, 'type') !== 'function' || name === undefined || !TOOL_NAME.test(name)) return undefined
  if (description !== undefined && (typeof description !== 'string' || description.length > MAX_DESCRIPTION)) return undefined
  if (parameters !== undefined && !isObject(parameters)) return undefined
  const definition = { type: 'function' as const, name, ...(description === undefined ? {} : { description }), ...(parameters === undefined ? {} : { parameters }) }
  return { definition, owner: 'client', registered: true }
}

/** Null means absent, as SDKs write it. */
function own(entry: JsonObject, key: string): Json | undefined {
  const value = Object.hasOwn(entry, key) ? entry[key] : undefined
  return value === null ? undefined : value
}

function wrong(param: string, message: string): Rebuilt {
  return { ok: false, error: { code: 'bad_event', param, message } }
}
