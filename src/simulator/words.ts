// Reads a sentence as a small model would: its clauses, its keywords, and values such as places, numbers and dates.

/** Words that do not help to choose a tool. */
const EMPTY = new Set(
  (
    'a an the this that these those it its is are was were be been do does did can could will would shall should may might must have has had i you he she we they me my your our his her their ' +
    'to in on at by for from with without of off into about as and or but not no so if then than when where what which who whom how why please want need like tell give get gets set find fetch ' +
    'look lookup up down call calls use uses user users function tool tools return returns provide provides provided based given current currently available any all some one information info ' +
    'data details value values string number using via also them there here just now get_ let know me whats'
  ).split(' '),
)

const NUMBER_WORDS: Readonly<Record<string, number>> = {
  zero: 0,
  one: 1,
  two: 2,
  three: 3,
  four: 4,
  five: 5,
  six: 6,
  seven: 7,
  eight: 8,
  nine: 9,
  ten: 10,
  eleven: 11,
  twelve: 12,
  twenty: 20,
  hundred: 100,
}

/** Longer text is not read further. */
const MAX_CHARS = 4000

/** Keywords in lower case, without a plural s and without the words of `EMPTY`. */
export function keywords(text: string): string[] {
  return rawWords(text)
    .map((word) => stem(word.toLowerCase()))
    .filter((word) => word.length > 1 && !EMPTY.has(word))
}

/** The words of a name such as `get_weather`, `getWeather` or `get-weather`. */
export function nameWords(name: string): string[] {
  return keywords(name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/[^\p{L}\p{N}]+/gu, ' '))
}

/** The parts of a sentence, each of which may mean another tool. */
export function clauses(text: string): string[] {
  return text
    .slice(0, MAX_CHARS)
    .split(/\s+(?:and|then|also|plus)\s+|[;!?]+|\.(?=\s|$)|,(?=\s)/iu)
    .map((clause) => clause.trim())
    .filter((clause) => clause !== '')
    .slice(0, 16)
}

export function quoted(text: string): string[] {
  return Array.from(text.slice(0, MAX_CHARS).matchAll(/["“”«]([^"“”«»]{1,200})["“”»]/gu), (match) => match[1] ?? '')
}

/** Numbers in digits and in words, in order. */
export function numbers(text: string): number[] {
  const found: number[] = []
  for (const word of text.slice(0, MAX_CHARS).match(/-?\d+(?:\.\d+)?|\p{L}+/gu) ?? []) {
    const named = Object.hasOwn(NUMBER_WORDS, word.toLowerCase()) ? NUMBER_WORDS[word.toLowerCase()] : undefined
    const value = named ?? Number(word)
    if (Number.isFinite(value)) found.push(value)
  }
  return found
}

/** Codes such as order numbers: tokens that contain a digit. */
export function codes(text: string): string[] {
  return (text.slice(0, MAX_CHARS).match(/[\p{L}\p{N}_-]+/gu) ?? []).filter((token) => /\p{N}/u.test(token))
}

const FOLLOWS = /\b(?:in|for|at|to|from|of|about|near|named|called|is|am|on|around)\s+((?:the\s+)?[\p{L}\p{N}'’.-]+(?:\s+[\p{Lu}][\p{L}'’.-]*){0,3})/giu

/** Names, each once: capitalised words except the first, then words after a preposition, then the remaining words. */
export function names(text: string): string[] {
  const clause = text.slice(0, MAX_CHARS)
  const capitalised = Array.from(clause.matchAll(/(?<=\S\s+)\p{Lu}[\p{L}'’.-]*(?:\s+\p{Lu}[\p{L}'’.-]*)*/gu), (match) => clean(match[0]))
  const following = Array.from(clause.matchAll(FOLLOWS), (match) => clean((match[1] ?? '').replace(/^the\s+/iu, '')))
  const both = [...capitalised, ...following].filter((name) => name !== '' && name !== 'I' && !EMPTY.has(name.toLowerCase()))
  return both.filter((name, index) => both.findIndex((other) => other.toLowerCase() === name.toLowerCase()) === index)
}

export function saysNo(text: string): boolean {
  return /\b(?:no|not|don't|without|off|disable|disabled|false|never)\b/iu.test(text.slice(0, MAX_CHARS))
}

function rawWords(text: string): string[] {
  return text.slice(0, MAX_CHARS).match(/[\p{L}\p{N}]+/gu) ?? []
}

function stem(word: string): string {
  return word.length > 3 && word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word
}

function clean(name: string): string {
  return name.replace(/[.,'’-]+$/u, '').trim()
}
