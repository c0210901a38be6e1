// Reads a script from YAML, JSON or an object. A mistake is told with its line and column.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import type * as Yaml from 'yaml'
import { isObject, type Json } from '../core/protocol/events.js'
import { phraseOf } from './phrase.js'
import { SCRIPT, type ScriptDocument, type ScriptStep } from './script.js'
import { check } from './validate.js'
import { fromWav } from './wav.js'

/** A script that is checked, with its sounds in memory. */
export interface Script extends ScriptDocument {
  /** PCM16 at 24 kHz by the path that the script names. */
  readonly sounds: ReadonlyMap<string, Buffer>
}

/** The path of a file, or the script itself. */
export type ScriptSource = string | ScriptDocument

export class ScriptError extends Error {
  override readonly name = 'ScriptError'
}

/** Loaded with the first script: without one, the simulator starts sooner. */
const yaml = () => createRequire(import.meta.url)('yaml') as typeof Yaml

/** Throws a `ScriptError`. */
export function loadScript(source: ScriptSource): Script {
  if (typeof source !== 'string') return parseScript(JSON.stringify(source, null, 2), 'script')
  let text: string
  try {
    text = readFileSync(source, 'utf8')
  } catch {
    throw new ScriptError(`${source} cannot be read`)
  }
  return parseScript(text, source, dirname(source))
}

/** `name` stands before each line and column. `folder`: where sounds lie; without it, a script may name none. Throws a `ScriptError`. */
export function parseScript(text: string, name: string, folder?: string): Script {
  const { isNode, LineCounter, parseDocument } = yaml()
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${name}:${line}:${col}`
  }
  const broken = document.errors[0]
  if (broken) throw new ScriptError(`${at(broken.pos[0])}: ${broken.message}`)
  const place = (path: readonly (string | number)[]): string => {
    // A field that is missing has no place, so its parent's counts.
    for (let length = path.length; length >= 0; length--) {
      const node = document.getIn(path.slice(0, length), true)
      if (isNode(node) && node.range) return at(node.range[0])
    }
    return at(0)
  }
  let value: Json
  try {
    value = document.toJS({ maxAliasCount: 100 }) as Json
  } catch (error) {
    throw new ScriptError(`${at(0)}: ${error instanceof Error ? error.message : 'not readable'}`)
  }
  if (!isObject(value)) throw new ScriptError(`${at(0)}: a script is an object with \`answers\``)
  const problem = check(value, SCRIPT, '')
  if (problem) throw new ScriptError(`${place(stepsOf(problem.param ?? ''))}: ${problem.message}`)

  const script = value as unknown as ScriptDocument
  const sounds = new Map<string, Buffer>()
  for (const [index, answer] of (script.answers ?? []).entries()) {
    for (const says of [answer.on?.says ?? []].flat()) {
      const bad = phraseOf(says).problem
      if (bad !== undefined) throw new ScriptError(`${place(['answers', index, 'on', 'says'])}: ${bad}`)
    }
    for (const [step, one] of answer.reply.entries()) {
      const path = ['answers', index, 'reply', step]
      const bad = wrongForEvent(answer.on?.event !== undefined, one) ?? wrongSend(one)
      if (bad !== undefined) throw new ScriptError(`${place(path)}: ${bad}`)
      if (!('audio' in one)) continue
      const sound = folder === undefined ? undefined : soundOf(resolve(folder, one.audio))
      if (!sound) throw new ScriptError(`${place([...path, 'audio'])}: ${one.audio} is no WAV file of mono PCM16 that can be read`)
      sounds.set(one.audio, sound)
    }
  }
  return { ...script, sounds }
}

/** Steps that need a response. */
const SPOKEN = ['say', 'audio', 'call', 'fail']

function wrongForEvent(isForEvent: boolean, step: ScriptStep): string | undefined {
  const kind = SPOKEN.find((one) => one in step)
  return isForEvent && kind !== undefined ? `'${kind}' needs a response, so it cannot answer an event` : undefined
}

function wrongSend(step: ScriptStep): string | undefined {
  return 'send' in step && !(isObject(step.send) && typeof step.send.type === 'string') ? "'send' must be an event with a type" : undefined
}

function soundOf(path: string): Buffer | undefined {
  try {
    return fromWav(readFileSync(path))
  } catch {
    return undefined
  }
}

/** `answers[0].reply[1].call` as its steps. */
function stepsOf(path: string): (string | number)[] {
  return (path.match(/[^.[\]]+/g) ?? []).map((step) => (/^\d+$/.test(step) ? Number(step) : step))
}
