// Reads the claims that a command is given as JSON. A file of its own: a command without claims loads no exact JSON.
import { parseExact, plainOrText } from '../json/exact-json.js'
import { type CommandName, UsageError } from './commands.js'

export function claims(command: CommandName, json: string | undefined): Record<string, unknown> {
  if (json === undefined) return {}
  try {
    const value: unknown = plainOrText(parseExact(json))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {
    // Falls through to the one message for anything that is not a JSON object.
  }
  throw new UsageError('--claims must be a JSON object.', command)
}
