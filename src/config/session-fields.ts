// Checks the session fields that a server sets: known GA names and values of the right shape. Instructions and tools belong elsewhere.

import { SETTABLE } from '../core/policy/settable.js'
import { isObject, type Json, type JsonObject } from '../core/protocol/events.js'
import { shapesOf } from '../core/protocol/preview/session.js'
import type { Problems } from './environment.js'
import { quoted } from './json-fields.js'

type Tree = { readonly [name: string]: Tree | true }

/** Fields of the GA session object, as in OpenAI's reference of `session.update`. Those without a row in the settable table pass as they are. */
const FIELDS: Tree = {
  output_modalities: true,
  max_output_tokens: true,
  truncation: true,
  reasoning: true,
  include: true,
  parallel_tool_calls: true,
  tool_choice: true,
  tracing: true,
  prompt: true,
  audio: {
    input: { format: true, noise_reduction: true, transcription: true, turn_detection: true },
    output: { format: true, voice: true, speed: true },
  },
}

/** These are never session fields here, whatever the upstream. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  instructions: 'belongs in INSTRUCTIONS or in a profile',
  tools: 'belong in TOOLS',
  model: 'belongs to the upstream (AZURE_OPENAI_DEPLOYMENT, OPENAI_MODEL or UPSTREAMS)',
}
/** GA path of each field that preview spells otherwise. */
const PREVIEW = new Map(shapesOf('preview').session.moves.flatMap(({ preview, ga }) => (preview === ga ? [] : [[preview, ga] as const])))

/** Returns the session to set, without `type`, which is always `realtime`. With `open`, unknown names and shapes pass. */
export function checkSession(session: JsonObject, subject: string, problems: Problems, open: boolean): JsonObject {
  const { type, ...rest } = session
  if (type !== undefined && type !== 'realtime') problems.add(subject, 'type must be realtime')
  checkNames(rest, FIELDS, '', subject, problems, open)
  return rest
}

function checkNames(object: JsonObject, tree: Tree, prefix: string, subject: string, problems: Problems, open: boolean): void {
  for (const [name, value] of Object.entries(object)) {
    const path = `${prefix}${name}`
    const known = Object.hasOwn(tree, name) ? tree[name] : undefined
    if (known === true) checkValue(path, value, subject, problems, open)
    else if (known !== undefined && isObject(value)) checkNames(value, known, `${path}.`, subject, problems, open)
    else if (known !== undefined) problems.add(subject, `${path} must be an object`)
    else if (Object.hasOwn(ELSEWHERE, path)) problems.add(subject, `${path} ${ELSEWHERE[path]}`)
    else if (PREVIEW.has(path)) problems.add(subject, `${path} is the preview name: use ${PREVIEW.get(path)}`)
    else if (!open) problems.add(subject, `has an unknown field ${quoted(path)}; known here: ${Object.keys(tree).join(', ')}`)
  }
}

function checkValue(path: string, value: Json, subject: string, problems: Problems, open: boolean): void {
  const settable = Object.hasOwn(SETTABLE, path) ? SETTABLE[path] : undefined
  if (settable && !open && settable(value) === undefined) problems.add(subject, `${path} has a value of the wrong shape or outside its bounds`)
}
