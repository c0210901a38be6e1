// Every event that the relay's tables know has a type, and no type is of an event that they do not know.
import { describe, expect, it } from 'vitest'
import { CLIENT_RULES } from '../../src/core/policy/client-rules.js'
import { SERVER_RULES } from '../../src/core/policy/server-rules.js'
import { gaName, PREVIEW_TYPES, previewName } from '../../src/core/protocol/preview/names.js'
import { readDocument } from '../docs/documents.js'
import { unionTypes } from '../support/openai-unions.js'
import { sourceFiles } from '../support/source-files.js'
import { GA_CLIENT, GA_SERVER, PREVIEW_CLIENT, PREVIEW_SERVER, RELAY_CLIENT, RELAY_SERVER } from './names.js'

describe('the typed events', () => {
  it('of GA are those that policy has a row for, and those of the package openai', () => {
    expect(GA_CLIENT).toEqual(Object.keys(CLIENT_RULES).sort())
    expect(GA_SERVER).toEqual(Object.keys(SERVER_RULES).sort())
    expect(GA_SERVER).toEqual(expect.arrayContaining([...unionTypes('RealtimeServerEvent')]))
  })

  it('of preview are those that may be sent to a preview side, and those of a transcription session', () => {
    const transcription = ['created', 'update', 'updated'].map((end) => `transcription_session.${end}`)
    expect([...PREVIEW_CLIENT, ...PREVIEW_SERVER].sort()).toEqual([...PREVIEW_TYPES, ...transcription].sort())
    for (const type of [...PREVIEW_CLIENT, ...PREVIEW_SERVER].filter((one) => !one.startsWith('transcription_'))) expect(previewName(gaName(type), false)).toBe(type)
    for (const type of transcription) expect(previewName(type.replace('transcription_', ''), true)).toBe(type)
  })

  it('of the relay are those that it sends or takes', () => {
    const said = /(?:\btype(?:: | === )|\btell\(step, |\b(?:TYPE|ENABLE) = |\bcase )'(relay\.[a-z_.]+)'/g
    const files = sourceFiles('src').filter(({ path }) => /^src\/(core|relay)\//.test(path))
    const known = new Set(files.flatMap(({ text }) => [...text.matchAll(said)].map((found) => found[1])))
    expect([...known].sort()).toEqual([...RELAY_CLIENT, ...RELAY_SERVER].sort())
  })

  it('of the relay are those of the document, on the side that it says', () => {
    const section = /## Events of the relay\n[\s\S]*?(?=\n## )/.exec(readDocument('src/tools/README.md'))?.[0] ?? ''
    const rows = [...section.matchAll(/^\| (`relay\.[^|]+)\|/gm)].map((found) => found[1] ?? '')
    const namesIn = (cells: readonly string[]) => [...new Set(cells.flatMap((cell) => [...cell.matchAll(/`(relay\.[a-z_.]+)`/g)].map((found) => found[1])))].sort()
    const parts = rows.flatMap(
      (cell) =>
        (cell.includes('(from the client)')
          ? [
              [cell.split('(from the client)')[0] ?? '', true],
              [cell.split('(from the client)')[1] ?? '', false],
            ]
          : [[cell, false]]) as [string, boolean][],
    )
    expect(namesIn(parts.filter(([, fromClient]) => fromClient).map(([cell]) => cell))).toEqual(RELAY_CLIENT)
    expect(namesIn(parts.filter(([, fromClient]) => !fromClient).map(([cell]) => cell))).toEqual(RELAY_SERVER)
  })
})
