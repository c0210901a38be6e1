// What a lane does with a frame that goes on unread.
import type { Action } from '../core/session/actions.js'

/** What was done with a frame: sent as it came, sent in other words, or dropped with a note. */
export type Outcome = { readonly type: 'forward' } | { readonly type: 'rewrite'; readonly pieces: readonly (string | number)[] } | Extract<Action, { type: 'note' }>
