// No forbidden value arrives, in any event and any spelling.
import { describe, expect, it } from 'vitest'
import { CLIENT_RULES } from '../../src/core/policy/client-rules.js'
import { SERVER_RULES } from '../../src/core/policy/server-rules.js'
import { ARRIVED, CLIENT_ATTACKS, SERVER_ATTACKS } from './attacks.js'
import { matrix } from './matrix.js'

const cells = matrix()

describe('the matrix', () => {
  it('has a cell for every event, forbidden value and dialect', () => {
    const client = (Object.keys(CLIENT_RULES).length + 4) * Object.keys(CLIENT_ATTACKS).length * 2
    const upstream = (Object.keys(SERVER_RULES).length + 4) * Object.keys(SERVER_ATTACKS).length * 2
    expect(cells).toHaveLength(client + upstream)
  })

  it('lets nothing through', () => {
    expect(cells.filter((cell) => cell.outcome === 'arrived')).toEqual([])
  })

  it('would notice each forbidden value that arrived', () => {
    for (const [thing, fields] of Object.entries({ ...CLIENT_ATTACKS, ...SERVER_ATTACKS })) expect(JSON.stringify(fields), thing).toMatch(ARRIVED)
  })

  it('has cells that refuse, cells that rewrite and cells that drop', () => {
    for (const outcome of ['refused', 'rewritten', 'dropped']) expect(cells.filter((cell) => cell.outcome === outcome).length, outcome).toBeGreaterThan(100)
  })
})
