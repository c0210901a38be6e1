// Puts what core wants done into words that two configurations can be compared by. The words have no content; the event beside them has.
import type { RealtimeEvent } from '../protocol/events.js'
import { objectAt, stringAt } from '../protocol/events.js'
import type { Action } from '../session/actions.js'
import type { SessionNote } from '../session/notes.js'

export interface Decision {
  /** On the clock of the recording. */
  readonly at: number
  /** `waiting`: it came of time alone, before the line. */
  readonly cause: 'event' | 'waiting'
  readonly what: string
  /** What the words are about. */
  readonly event?: RealtimeEvent
  /** The service would be told this. */
  readonly isTold?: boolean
  /** Nothing is decided any more. */
  readonly isEnd?: boolean
}

type Said = Pick<Decision, 'what' | 'event' | 'isTold' | 'isEnd'>

/** `asked`: the event that was recorded. Undefined: nothing that is a decision. */
export function decisionOf(action: Action, asked: RealtimeEvent | undefined): Said | undefined {
  switch (action.type) {
    case 'send':
      if (action.to === 'upstream') return { what: `service is told ${action.event.type}`, event: action.event, isTold: true }
      return refusalOf(action.event) ?? { what: `client sees ${action.event.type}${isChanged(action.event, asked) ? ', changed' : ''}`, event: action.event }
    case 'tool.start':
      return { what: `tool ${action.name} runs` }
    case 'tool.cancel':
      return { what: 'a running tool is cancelled' }
    case 'playback.clear':
      return { what: 'playback is cleared' }
    case 'playback.drop':
      return { what: 'audio is not sent: interrupted' }
    case 'phone.transfer':
      return { what: `caller is transferred: ${action.name}` }
    case 'park':
    case 'close':
      return { what: `session ends: ${action.code} (${action.why})`, isEnd: true }
    case 'note':
      return noteOf(action.note)
    default:
      return undefined
  }
}

/** A refusal's code and field are ours, whatever the client sent. */
function refusalOf(event: RealtimeEvent): Said | undefined {
  const error = objectAt(event, 'error')
  if (event.type !== 'error' || !error) return undefined
  const param = stringAt(error, 'param')
  return { what: `client is told error ${stringAt(error, 'code') ?? 'unknown'}${param === undefined ? '' : ` (${param})`}`, event }
}

function noteOf(note: SessionNote): Said | undefined {
  switch (note.type) {
    case 'fields_locked':
      return { what: `fields of ${note.eventType} are dropped: ${note.kinds.join(', ')}` }
    case 'event_dropped':
      return { what: `dropped: ${note.why}` }
    case 'event_refused':
      return { what: `refused: ${note.code}` }
    case 'quota_refused':
      return { what: `quota refuses: ${note.rule}` }
    case 'guard_tripped':
      return { what: `guard ${note.guard} (${note.mode}) finds ${note.category} in ${note.side}` }
    default:
      return undefined
  }
}

function isChanged(event: RealtimeEvent, asked: RealtimeEvent | undefined): boolean {
  return asked !== undefined && event !== asked && event.type === asked.type && JSON.stringify(event) !== JSON.stringify(asked)
}
