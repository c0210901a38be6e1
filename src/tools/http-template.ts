// Fills an HTTP tool's URL and headers with arguments. Host, shape of the path and shape of headers stay what the template says.
import type { HttpToolRun } from '../config/config.js'
import type { JsonObject } from '../core/protocol/events.js'
import { type ExactJson, type ExactObject, isExactNumber, stringifyExact } from '../json/exact-json.js'
import { ArgumentsRefused, ToolFailure } from './tool-failure.js'

export interface FilledRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** JSON text, if the method has a body. */
  readonly body: string | undefined
}

/** Throws `ArgumentsRefused` if a value cannot go where the template wants it, `ToolFailure` if the caller lacks a claim. `keys`: pressed on the telephone. */
export type FillTemplate = (args: ExactObject, claims: Readonly<Record<string, unknown>>, keys?: string) => FilledRequest

type Part = { readonly literal: string } | { readonly slot: string } | { readonly claim: string } | { readonly keys: true }

const SLOT = /\{([A-Za-z_][A-Za-z0-9_-]*)\}/
const CLAIM = /\{\{claims\.([A-Za-z0-9_.:/-]+)\}\}/
const KEYS = '{{keys}}'
const URL_SHAPE = /^(https?:\/\/)([^/?]*)([^?]*)(?:\?(.*))?$/i
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
const OWN_HEADERS = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'expect', 'te', 'trailer', 'keep-alive', 'accept-encoding'])
/** More often than any server decodes. A value encoded more often is taken for an attack. */
const MAX_ENCODINGS = 8
const BODY_METHODS = new Set(['POST', 'PUT', 'PATCH'])
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/

/** A template taken apart, right or wrong: `templateProblems` names what is wrong with it. */
interface Template {
  readonly scheme: string
  readonly authority: string
  readonly segments: readonly (readonly Part[])[]
  readonly pairs: readonly QueryPair[]
  readonly headers: readonly { readonly name: string; readonly parts: readonly Part[] }[]
}

interface QueryPair {
  readonly name: string
  readonly value: readonly Part[]
  /** Has no `=`. */
  readonly bare: boolean
}

function parseTemplate(run: HttpToolRun): Template {
  const [, scheme = '', authority = '', path = '', query] = URL_SHAPE.exec(run.url) ?? []
  return {
    scheme,
    authority,
    segments: (path || '/').split('/').map((segment) => split(segment, SLOT)),
    pairs: query === undefined ? [] : query.split('&').map(splitPair),
    headers: Object.entries(run.headers).map(([name, value]) => ({ name: name.toLowerCase(), parts: splitHeader(value.reveal()) })),
  }
}

/** Every mistake of a template, judged against the tool's parameters. Quotes no header value. */
export function templateProblems(run: HttpToolRun, parameters: JsonObject | undefined): string[] {
  const { scheme, authority, segments, pairs, headers } = parseTemplate(run)
  const problems: string[] = []
  const declared = parameters?.properties
  const known = (name: string) => typeof declared === 'object' && declared !== null && Object.hasOwn(declared, name)
  const checkSlots = (parts: readonly Part[], where: string) => {
    for (const part of parts)
      if ('slot' in part && !known(part.slot))
        problems.push(where === 'url' ? `url: {${part.slot}} is not one of the tool's parameters` : `${where}: an {argument} that is not one of the tool's parameters`)
  }

  // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
  if (/[\u0000-\u0020\u007f\\#]/.test(run.url)) problems.push('url: spaces, control characters, \\ and # are not allowed')
  if (authority === '') problems.push('url: must begin with http:// or https:// and a host')
  else if (/[{}@]/.test(authority)) problems.push('url: scheme, host and port are fixed: no {argument} and no user name there')
  else if (!URL.canParse(`${scheme}${authority}/`)) problems.push('url: the host is not valid')

  const required = parameters?.required
  for (const name of pathArguments(run)) {
    // A schema that says nothing about it gets them: see `withPathArguments`.
    if (known(name) && required !== undefined && !(Array.isArray(required) && required.includes(name)))
      problems.push(`url: {${name}} stands in the path, which cannot do without it: name it in "required" of the parameters`)
  }
  for (const parts of segments) {
    checkSlots(parts, 'url')
    if (parts.every((part) => 'literal' in part) && hasDotSegment(parts.map((part) => ('literal' in part ? part.literal : '')).join(''))) {
      problems.push('url: . and .. segments are not allowed')
    }
  }
  for (const pair of pairs) {
    checkSlots(pair.value, 'url')
    if (SLOT.test(pair.name)) problems.push('url: {argument} may stand for the value of a query parameter, not for its name')
  }
  if (/[{}]/.test(run.url.replace(new RegExp(SLOT, 'g'), ''))) problems.push('url: a brace that is not part of an {argument}')

  for (const { name, parts } of headers) {
    if (!HEADER_NAME.test(name) || OWN_HEADERS.has(name)) problems.push(`headers: the name ${JSON.stringify(name)} cannot be used`)
    checkSlots(parts, `header ${name}`)
    if (parts.some((part, index) => 'literal' in part && (part.literal.includes('{{') || (part.literal.endsWith('{') && index < parts.length - 1))))
      problems.push(`header ${name}: two braces that are not {{claims.name}} or ${KEYS}`)
    if (parts.some((part) => 'literal' in part && !/^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(part.literal)))
      problems.push(`header ${name}: the value holds a character no header may hold`)
  }
  return problems
}

/** The arguments that a path cannot do without. */
function pathArguments(run: HttpToolRun): readonly string[] {
  return [...new Set(parseTemplate(run).segments.flatMap((parts) => parts.flatMap((part) => ('slot' in part ? [part.slot] : []))))]
}

/** If a schema does not say what is required, the model is told that the path's arguments are. */
export function withPathArguments(run: HttpToolRun, parameters: JsonObject | undefined): JsonObject | undefined {
  const names = pathArguments(run)
  return parameters === undefined || parameters.required !== undefined || names.length === 0 ? parameters : { ...parameters, required: [...names] }
}

/** Takes a template in which `templateProblems` found nothing. */
export function compileTemplate(run: HttpToolRun): FillTemplate {
  const { scheme, authority, segments, pairs, headers } = parseTemplate(run)
  const origin = new URL(`${scheme}${authority}/`).origin
  const hasBody = BODY_METHODS.has(run.method)
  const slots = new Set([...segments, ...pairs.map((pair) => pair.value), ...headers.map((header) => header.parts)].flat().flatMap((part) => ('slot' in part ? [part.slot] : [])))
  const fixedNames = new Set(pairs.flatMap((pair) => [...new URLSearchParams(`${pair.name}=`).keys()]).map((name) => name.toLowerCase()))

  return (args, claims, keys) => {
    const path = segments.map((parts) => fillSegment(parts, args)).join('/')
    const query = pairs.flatMap((pair) => fillPair(pair, args))
    if (!hasBody) {
      for (const [name, value] of Object.entries(args)) {
        if (slots.has(name)) continue
        if (fixedNames.has(name.toLowerCase())) throw new ArgumentsRefused(`/${name} is fixed and cannot be set`)
        query.push(...queryPairs(name, value))
      }
    }
    const url = new URL(origin + path + (query.length > 0 ? `?${query.join('&')}` : ''))
    if (url.origin !== origin || url.hash !== '' || url.pathname.split('/').length !== segments.length) throw new ToolFailure('failed')
    const filledHeaders: Record<string, string> = {}
    for (const { name, parts } of headers) {
      const filled = parts.map((part) => fillHeaderPart(part, args, claims, keys))
      // As a query parameter, a header is left out with its argument.
      if (filled.every((text) => text !== undefined)) filledHeaders[name] = filled.join('')
    }
    return { url, headers: filledHeaders, body: hasBody ? stringifyExact(args) : undefined }
  }
}

function split(text: string, pattern: RegExp): Part[] {
  return text.split(new RegExp(pattern, 'g')).map((piece, index) => (index % 2 === 0 ? { literal: piece } : { slot: piece }))
}

function splitHeader(text: string): Part[] {
  return text.split(new RegExp(CLAIM, 'g')).flatMap((piece, index): Part[] => (index % 2 === 0 ? splitKeys(piece) : [{ claim: piece }]))
}

function splitKeys(text: string): Part[] {
  return text.split(KEYS).flatMap((piece, index): Part[] => (index === 0 ? split(piece, SLOT) : [{ keys: true }, ...split(piece, SLOT)]))
}

function splitPair(pair: string): QueryPair {
  const at = pair.indexOf('=')
  return at < 0 ? { name: pair, value: [], bare: true } : { name: pair.slice(0, at), value: split(pair.slice(at + 1), SLOT), bare: false }
}

function fillSegment(parts: readonly Part[], args: ExactObject): string {
  let filled = ''
  for (const part of parts) {
    if ('literal' in part) filled += part.literal
    else if ('slot' in part) {
      const value = scalar(args, part.slot)
      if (value === undefined) throw new ArgumentsRefused(`/${part.slot} is required`)
      if (value === '') throw new ArgumentsRefused(`/${part.slot} must not be empty`)
      if (hasDotSegment(value)) throw new ArgumentsRefused(`/${part.slot} must not contain . or .. as a path segment`)
      filled += encodeURIComponent(value)
    }
  }
  // Arguments that are harmless alone may not be together: `%2` beside `e`.
  if (hasDotSegment(filled)) throw new ArgumentsRefused('the path would contain a . or .. segment')
  return filled
}

/** Leaves out a pair whose argument was not given. */
function fillPair(pair: QueryPair, args: ExactObject): string[] {
  if (pair.bare) return [pair.name]
  let filled = ''
  for (const part of pair.value) {
    if ('literal' in part) filled += part.literal
    else if ('slot' in part) {
      const value = scalar(args, part.slot)
      if (value === undefined) return []
      filled += encodeURIComponent(value)
    }
  }
  return [`${pair.name}=${filled}`]
}

function fillHeaderPart(part: Part, args: ExactObject, claims: Readonly<Record<string, unknown>>, keys: string | undefined): string | undefined {
  if ('literal' in part) return part.literal
  if ('keys' in part) return keys === undefined ? undefined : encodeURIComponent(keys)
  if ('claim' in part) {
    const claim = Object.hasOwn(claims, part.claim) ? claims[part.claim] : undefined
    if (typeof claim !== 'string' && typeof claim !== 'number' && typeof claim !== 'boolean') throw new ToolFailure('unknown_caller')
    return encodeURIComponent(wellFormed(String(claim)))
  }
  const value = scalar(args, part.slot)
  return value === undefined ? undefined : encodeURIComponent(value)
}

/** An argument that the template does not name. A list becomes repeated parameters, an object becomes JSON text, null is left out. */
function queryPairs(name: string, value: ExactJson): string[] {
  if (value === null) return []
  const values = Array.isArray(value) ? value : [value]
  return values.map((one) => `${encodeURIComponent(wellFormed(name))}=${encodeURIComponent(wellFormed(typeof one === 'string' ? one : (stringifyExact(one) ?? '')))}`)
}

function scalar(args: ExactObject, name: string): string | undefined {
  const value = Object.hasOwn(args, name) ? args[name] : null
  if (value === null || value === undefined) return undefined
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean' && !isExactNumber(value))
    throw new ArgumentsRefused(`/${name} must be a string, number or boolean`)
  const text = wellFormed(String(value))
  if (CONTROL.test(text)) throw new ArgumentsRefused(`/${name} must not contain line breaks or other control characters`)
  return text
}

function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8')
}

/** Finds encoded segments and separators too: some servers decode more than once, or before they split the path. */
function hasDotSegment(value: string): boolean {
  let text = value
  for (let round = 0; round < MAX_ENCODINGS; round++) {
    if (text.split(/[/\\]/).some((piece) => isDotSegment(piece.split(';')[0] ?? ''))) return true
    const decoded = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    if (decoded === text) return false
    text = decoded
  }
  return true
}

function isDotSegment(segment: string): boolean {
  return /^(\.|%2e){1,2}$/i.test(segment)
}
