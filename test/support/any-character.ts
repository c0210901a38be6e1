// Generates any Unicode character. The library's own generator takes a second to build its tables in every process that uses it.
import { fc } from './property.js'

export const anyCharacter = fc.oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff })).map((code) => String.fromCodePoint(code))
