// The keys that a caller presses: kept for tools, told to the model if the profile says so, and shown to nobody.

import { hideItem } from '../items.js'
import { answerTurn, changeQuota } from '../quota/gate.js'
import { itemTaken } from '../responses/machine.js'
import { isReady, relayId, type SessionState, type Step } from '../state.js'
import { changeResponses } from '../to-client.js'
import { changeManners } from './change.js'
import { callOff } from './parting.js'
import { userHeard } from './silence.js'

const KEY = /^[0-9A-D*#]$/
const MOST_KEYS = 64
/** Without another key, what was pressed is told. */
const PAUSE_MS = 2000
/** Tones may be heard as speech: a turn so soon after a key does not make older ones of it. */
const TONE_MS = 3000

export function keyPressed(step: Step, key: string | undefined): void {
  const { manners, profile } = step.state
  if (!manners || key === undefined || !KEY.test(key)) return
  userHeard(step)
  const mode = profile.manners?.keys
  if (!mode) return
  const { keys } = manners
  const toModel = mode === 'model'
  changeManners(step, {
    keys: {
      pressed: (keys.pressed + key).slice(-MOST_KEYS),
      held: keys.held,
      lastAt: step.now,
      untold: toModel ? (keys.untold + key).slice(-MOST_KEYS) : '',
      tellAt: toModel ? step.now + PAUSE_MS : undefined,
    },
  })
  if (toModel && key === '#' && isReady(step.state)) tell(step)
}

/** The user took a turn: what was pressed before it is for the tools that answer it. */
export function keysAtTurn(step: Step): void {
  const { keys } = step.state.manners ?? {}
  if (!keys || (keys.pressed === '' && keys.held === '') || step.now - keys.lastAt < TONE_MS) return
  changeManners(step, { keys: { ...keys, pressed: '', held: keys.pressed } })
}

/** For server-run tools. Undefined: none. */
export function keysForTools({ manners }: SessionState): string | undefined {
  if (!manners) return undefined
  const keys = (manners.keys.held + manners.keys.pressed).slice(-MOST_KEYS)
  return keys === '' ? undefined : keys
}

export function keysDueAt({ manners }: SessionState): number {
  return manners?.keys.tellAt ?? Number.POSITIVE_INFINITY
}

/** At each tick. */
export function tickKeys(step: Step): void {
  if (step.now >= keysDueAt(step.state)) tell(step)
}

/** As something that the user says, and is answered. The client is not shown it. */
function tell(step: Step): void {
  const { keys } = step.state.manners ?? {}
  if (!keys) return
  changeManners(step, { keys: { ...keys, untold: '', tellAt: undefined } })
  callOff(step)
  const eventId = relayId(step)
  const itemId = relayId(step)
  const text = `Keys pressed: ${[...keys.untold].join(' ')}`
  step.set({ items: hideItem(step.state.items, itemId, null) })
  changeResponses(step, itemTaken(step.state.responses))
  const item = { id: itemId, type: 'message', role: 'user', content: [{ type: 'input_text', text }] }
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'conversation.item.create', event_id: eventId, item } })
  changeQuota(step, { turnUnanswered: true })
  answerTurn(step)
}
