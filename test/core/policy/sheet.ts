// What a row of a policy sheet is, and the one check that runs it.
import { expect } from 'vitest'
import type { SessionView, Verdict } from '../../../src/core/policy/policy.js'
import type { RealtimeEvent } from '../../../src/core/protocol/events.js'
import { view } from '../../support/view.js'

export interface Row {
  /** Stable: never reused, so that a failure can be looked up. */
  readonly id: string
  readonly event: object
  readonly verdict: Expected
  /** Why the verdict is the right one. */
  readonly because: string
  readonly seenBy?: SessionView
}

/** `'forward'`, or the event that replaces it, or the reason why it is dropped, or the refusal's code and field. */
export type Expected = 'forward' | { readonly replace: object } | { readonly drop: string } | { readonly reject: readonly [code: string, param: string] }

export function runRow(row: Row, judge: (event: RealtimeEvent, view: SessionView) => Verdict): void {
  const before = JSON.stringify(row.event)
  const verdict = judge(row.event as RealtimeEvent, row.seenBy ?? view())
  expect(outcome(verdict), row.because).toEqual(row.verdict)
  expect(JSON.stringify(row.event), 'policy never changes what it judges').toBe(before)
}

function outcome(verdict: Verdict): Expected {
  switch (verdict.type) {
    case 'forward':
      return 'forward'
    case 'replace':
      return { replace: verdict.event }
    case 'drop':
      return { drop: verdict.why }
    case 'reject':
      return { reject: [verdict.error.code, verdict.error.param ?? ''] }
  }
}

export function uniqueIds(rows: readonly Row[]): void {
  expect(new Set(rows.map((row) => row.id)).size).toBe(rows.length)
}
