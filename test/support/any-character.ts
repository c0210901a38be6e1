// Any character of Unicode. The library's own unit for that builds its tables for a second in every process that names it.
import { fc } from './property.js'

export const anyCharacter = fc.oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff })).map((code) => String.fromCodePoint(code))
