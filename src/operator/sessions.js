// The list of sessions: sorted and filtered, each with a button for what can be done, and rows that stay put while somebody is among them.
import { byId, element, setClass, setText, sync } from './dom.js'
import { amount, bytes, count, duration, milliseconds, money, TURNS, WAITS } from './words.js'

/** More rows than anybody reads cost a phone its second. */
const MOST_ROWS = 100

const ORDERS = {
  wait: (a, b) => WAITS.has(b.turn) - WAITS.has(a.turn) || (WAITS.has(a.turn) ? b.turnSeconds - a.turnSeconds : b.ageSeconds - a.ageSeconds),
  cost: (a, b) => (b.money ?? 0) - (a.money ?? 0) || b.inputTokens + b.outputTokens - a.inputTokens - a.outputTokens,
  age: (a, b) => b.ageSeconds - a.ageSeconds,
  user: (a, b) => (a.user < b.user ? -1 : a.user > b.user ? 1 : b.ageSeconds - a.ageSeconds),
}
const COLUMNS = ['User', 'Now', 'Upstream', 'Profile', 'First audio', 'Answers', 'Tokens', 'Cost', 'Backlog', 'Age', 'Session']
const ROLES = { '#sessions': 'table', '#sessions > *': 'rowgroup', '#sessions tr': 'row', '#sessions th': 'columnheader' }
const NUMERIC = new Set(['First audio', 'Answers', 'Tokens', 'Cost', 'Backlog', 'Age'])

let last
let acts = false
let showsAll = false
let onAct = () => undefined
let isPointed = false

/** `act`: somebody pressed a session's button. */
export function initSessions(act) {
  onAct = act
  const table = byId('sessions')
  const body = table.tBodies[0]
  // On a phone the rows are laid out as cards, and some browsers then take the table for none.
  for (const [selector, role] of Object.entries(ROLES)) for (const part of table.parentElement.querySelectorAll(selector)) part.setAttribute('role', role)
  body.addEventListener('pointerenter', () => {
    isPointed = true
  })
  body.addEventListener('pointerleave', () => {
    isPointed = false
  })
  for (const [id, event] of [
    ['sort', 'change'],
    ['filter', 'input'],
  ])
    byId(id).addEventListener(event, () => render(false))
  byId('more').addEventListener('click', () => {
    showsAll = !showsAll
    render(false)
  })
}

export function showSessions(picture, mayAct) {
  last = picture
  acts = mayAct
  const body = byId('sessions').tBodies[0]
  render(isPointed || body.contains(document.activeElement))
}

function render(keepsOrder) {
  if (!last) return
  const { sessions, calls, spent } = last
  const wanted = byId('filter').value.trim().toLowerCase()
  const found =
    wanted === ''
      ? sessions
      : sessions.filter((one) => [one.id, one.user, one.profile, one.upstream, one.relay, TURNS[one.turn]].some((text) => text.toLowerCase().includes(wanted)))
  const sorted = [...found].sort(ORDERS[byId('sort').value])
  const shown = showsAll ? sorted : sorted.slice(0, MOST_ROWS)
  byId('read-only').hidden = acts
  byId('more').hidden = sorted.length <= MOST_ROWS
  setText(byId('more'), showsAll ? `Show the first ${MOST_ROWS}` : `Show all ${count(sorted.length)}`)
  setText(byId('shown'), `${count(shown.length)} of ${count(calls.now)} calls`)
  sync(
    byId('sessions').tBodies[0],
    shown,
    ({ id }) => id,
    makeRow,
    (row, session) => updateRow(row, session, spent.currency),
    keepsOrder,
  )
}

function makeRow({ id }) {
  const row = element('tr', { role: 'row' })
  for (const name of COLUMNS) {
    const isFirst = name === COLUMNS[0]
    row.append(element(isFirst ? 'th' : 'td', { scope: isFirst && 'row', role: isFirst ? 'rowheader' : 'cell', 'data-column': name, class: NUMERIC.has(name) && 'number' }))
  }
  const button = element('button', { type: 'button' }, 'End …')
  button.addEventListener('click', () => onAct(id, row.session))
  row.append(element('td', { role: 'cell', class: 'do' }, button))
  return row
}

function updateRow(row, session, currency) {
  row.session = session
  const {
    user,
    turn,
    turnSeconds,
    upstream,
    profile,
    dialect,
    firstAudioMs,
    responses,
    inputTokens,
    outputTokens,
    backlogBytes,
    heldMessages,
    ageSeconds,
    legs,
    losses,
    id,
    relay,
  } = session
  setClass(row, turn === 'restoring' ? 'broken' : WAITS.has(turn) && turnSeconds >= 5 ? 'strained' : '')
  const lost = losses > 0 ? `, lost ${losses}×` : ''
  const texts = [
    user,
    WAITS.has(turn) ? `${TURNS[turn]} ${duration(turnSeconds)}` : TURNS[turn],
    `${upstream || '–'}${legs > 1 ? ` (leg ${legs}${lost})` : ''}`,
    `${profile}, ${dialect}`,
    milliseconds(firstAudioMs),
    count(responses),
    `${amount(inputTokens)} + ${amount(outputTokens)}`,
    money(session.money, currency),
    `${bytes(backlogBytes)}${heldMessages > 0 ? `, ${heldMessages} held` : ''}`,
    duration(ageSeconds),
    id,
  ]
  for (const [index, text] of texts.entries()) setText(row.children[index], text)
  row.children[10].title = `on relay ${relay}`
  const button = row.lastElementChild.firstElementChild
  if (button.hidden === acts) button.hidden = !acts
  const label = `End the call of ${user}, session ${id}`
  if (button.getAttribute('aria-label') !== label) button.setAttribute('aria-label', label)
}
