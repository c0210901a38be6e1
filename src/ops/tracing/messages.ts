// Writes what was said as the GenAI conventions have it: messages as JSON text, within a bound for each attribute.
import type { Attributes } from '@opentelemetry/api'
import type { OutputPart } from '../../ports/content.js'
import { ATTRIBUTE } from './otel-names.js'

export interface InputMessage {
  readonly from: 'user' | 'tool'
  readonly callId: string | undefined
  readonly text: string
}

export interface OutputMessage {
  readonly parts: readonly OutputPart[]
  readonly finishReason: string
}

export interface Said {
  readonly input: readonly InputMessage[]
  readonly output: OutputMessage | undefined
}

/** Bytes of UTF-8 in one attribute. */
export const MOST_CONTENT = 8192
const CUT = '…'

export function contentAttributes({ input, output }: Said): Attributes {
  return {
    ...(input.length > 0 && { [ATTRIBUTE.inputMessages]: inputText(input) }),
    ...(output && output.parts.length > 0 && { [ATTRIBUTE.outputMessages]: outputText(output) }),
  }
}

/** The latest messages count: the oldest are left out first, then the texts of what is left are cut. */
function inputText(messages: readonly InputMessage[]): string {
  for (let from = 0; from < messages.length - 1; from++) {
    const text = JSON.stringify(messages.slice(from).map((message) => inputMessage(message, Number.POSITIVE_INFINITY)))
    if (Buffer.byteLength(text) <= MOST_CONTENT) return text
  }
  const last = messages.slice(-1)
  return within((most) => JSON.stringify(last.map((message) => inputMessage(message, most))))
}

function outputText({ parts, finishReason }: OutputMessage): string {
  return within((most, count) => JSON.stringify([{ role: 'assistant', parts: parts.slice(0, count).map((part) => outputPart(part, most)), finish_reason: finishReason }]))
}

/** A text that stands in an attribute of its own. */
export function boundedText(text: string): string {
  return within((most) => cut(text, most))
}

/** The longest that fits: texts of at most so many characters each, and if need be fewer parts. */
function within(write: (mostCharacters: number, mostParts: number) => string): string {
  for (let parts = Number.POSITIVE_INFINITY, most = Number.POSITIVE_INFINITY; ; ) {
    const text = write(most, parts)
    if (Buffer.byteLength(text) <= MOST_CONTENT) return text
    if (most > 64) most = Math.min(most / 2, MOST_CONTENT)
    else parts = Math.min(Math.floor(parts / 2), 32)
  }
}

function inputMessage({ from, callId, text }: InputMessage, most: number): object {
  const said = cut(text, most)
  if (from === 'user') return { role: 'user', parts: [{ type: 'text', content: said }] }
  return { role: 'tool', parts: [{ type: 'tool_call_response', id: cut(callId ?? '', ID), response: said }] }
}

function outputPart(part: OutputPart, most: number): object {
  if (part.type === 'text') return { type: 'text', content: cut(part.text, most) }
  return { type: 'tool_call', id: cut(part.callId, ID), name: cut(part.name, ID), arguments: argumentsOf(cut(part.arguments, most)) }
}

/** Of an id or a name. */
const ID = 128

/** An object, as the conventions want it, if JavaScript does not change its numbers. */
function argumentsOf(text: string): unknown {
  if (/\d{15}|\d[eE]/.test(text)) return text
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

/** Never between the halves of a character. */
function cut(text: string, most: number): string {
  if (text.length <= most) return text
  const end = Math.floor(most)
  const half = text.charCodeAt(end - 1)
  return text.slice(0, half >= 0xd800 && half <= 0xdbff ? end - 1 : end) + CUT
}
