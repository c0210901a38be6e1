// The tools that core answers itself: their definitions, and what is read of their arguments.
import type { SessionProfile, SessionTool } from '../../policy/profile.js'
import { isObject } from '../../protocol/events.js'

export const HANG_UP = 'hang_up'
export const TRANSFER_CALL = 'transfer_call'

/** An upstream refuses a whole session that has more. */
const MAX_TOOLS = 128
/** As long as one word of the enum and its braces may be. */
const MAX_ARGUMENTS = 512

const hangUp: SessionTool = {
  owner: 'server',
  definition: {
    type: 'function',
    name: HANG_UP,
    description: 'Ends the call, once the user has heard what you said. Call it when the conversation is over and you have said goodbye, or when the user asks you to hang up.',
    parameters: { type: 'object', properties: {}, additionalProperties: false },
  },
}

function transferCall(names: readonly string[]): SessionTool {
  return {
    owner: 'server',
    definition: {
      type: 'function',
      name: TRANSFER_CALL,
      description: 'Transfers the user to somebody else, once the user has heard what you said, and ends your part of the call. Say first whom you transfer the user to.',
      parameters: { type: 'object', properties: { to: { type: 'string', enum: [...names], description: 'Whom to.' } }, required: ['to'], additionalProperties: false },
    },
  }
}

/** The profile with the built-in tools that its manners ask for. `onPhone`: there is a line that can be transferred. */
export function withBuiltIns(profile: SessionProfile, onPhone: boolean): SessionProfile {
  const { hangUp: mayHangUp, transferTo = [] } = profile.manners ?? {}
  const own = [...(mayHangUp ? [hangUp] : []), ...(onPhone && transferTo.length > 0 ? [transferCall(transferTo)] : [])]
  if (own.length === 0) return profile
  // A tool of an MCP server may have come to have such a name; two of one name would have the session refused.
  const names = new Set(own.map(({ definition }) => definition.name))
  const others = profile.tools.filter(({ definition }) => !names.has(definition.name))
  return { ...profile, tools: [...others.slice(0, MAX_TOOLS - own.length), ...own] }
}

/** Whether core answers calls of this name in this session. */
export function isBuiltIn({ tools, manners }: SessionProfile, name: string): boolean {
  if (!manners || (name !== HANG_UP && name !== TRANSFER_CALL)) return false
  return (name === HANG_UP ? manners.hangUp === true : (manners.transferTo ?? []).length > 0) && tools.some(({ definition }) => definition.name === name)
}

/** The name that the model chose. Undefined: none of those it was given. */
export function targetOf({ manners }: SessionProfile, args: string): string | undefined {
  if (args.length > MAX_ARGUMENTS) return undefined
  try {
    const read: unknown = JSON.parse(args)
    const to = isObject(read) ? read.to : undefined
    return manners?.transferTo?.find((name) => name === to)
  } catch {
    return undefined
  }
}
