// Shows a picture: what is broken, numbers, causes, upstreams with their limits, relays.
import { createCallsChart, createLimitChart } from './charts.js'
import { byId, element, setClass, setText, sync } from './dom.js'
import { amount, count, milliseconds, money, share } from './words.js'

const LEVELS = { broken: 'Broken', strained: 'Strained', note: 'Note' }
const BREAKERS = { open: 'does not dial', half_open: 'tries again', closed: 'dials' }

let callsChart

export function showPicture(picture) {
  showTroubles(picture.troubles)
  showNumbers(picture)
  showCalls(picture.slots)
  showErrors(picture.errors)
  sync(
    byId('upstreams'),
    picture.upstreams,
    ({ name }) => name,
    makeUpstream,
    (card, upstream) => updateUpstream(card, upstream, picture),
  )
  sync(
    byId('relays').tBodies[0],
    picture.relays,
    ({ relay }) => relay,
    () => row(['long', 'long', 'number', 'number', '']),
    updateRelay,
  )
}

function showTroubles(troubles) {
  const all = troubles.length > 0 ? troubles : [{ level: 'fine', about: 'all', name: '', says: 'Nothing that the relays know of.' }]
  const make = () => element('li', {}, element('b'), ' ', element('span'))
  sync(
    byId('troubles'),
    all,
    ({ level, about, name, says }) => `${level} ${about} ${name} ${says.replace(/\d+/g, '#')}`,
    make,
    (item, trouble) => {
      setClass(item, trouble.level)
      const what = trouble.about === 'errors' || trouble.about === 'calls' ? '' : `${trouble.about} `
      setText(item.children[0], trouble.level === 'fine' ? '' : `${LEVELS[trouble.level]}:`)
      setText(item.children[1], `${trouble.level === 'fine' ? '' : `${what}${trouble.name} `}${trouble.says}`)
    },
  )
}

function showNumbers({ calls, answers, firstAudio, spent }) {
  const waiting = (calls.turns.waiting ?? 0) + (calls.turns.connecting ?? 0)
  const failed = (answers.failed ?? 0) + (answers.incomplete ?? 0)
  const all = Object.values(answers).reduce((sum, one) => sum + one, 0)
  const numbers = [
    ['Calls now', `${count(calls.now)} of ${count(calls.most)}`],
    ['Lost their upstream', count(calls.turns.restoring ?? 0)],
    ['Wait for an answer', count(waiting)],
    ['Answers failed, 5 min', all > 0 ? `${count(failed)} of ${count(all)}` : 'none asked'],
    ['First audio, median', firstAudio ? milliseconds(firstAudio.p50Ms) : '–'],
    ['First audio, 95 % within', firstAudio ? milliseconds(firstAudio.p95Ms) : '–'],
    ['Begun and ended, 5 min', `${count(calls.opened)}, ${count(calls.closed)}`],
    ['Tokens of these calls', `${amount(spent.inputTokens)} in, ${amount(spent.outputTokens)} out`],
    ...(spent.money === null ? [] : [['Cost of these calls', money(spent.money, spent.currency)]]),
  ]
  const make = () => element('div', {}, element('dt'), element('dd'))
  sync(
    byId('numbers'),
    numbers,
    ([name]) => name,
    make,
    (pair, [name, value]) => {
      setText(pair.children[0], name)
      setText(pair.children[1], value)
    },
  )
}

function showCalls({ seconds, from, calls, problems }) {
  const box = byId('calls-chart')
  callsChart ??= createCallsChart(box)
  const start = Date.parse(from) / 1000
  callsChart.show([calls.map((_, index) => start + index * seconds), calls, problems])
  const total = problems.reduce((sum, one) => sum + one, 0)
  box.setAttribute('aria-label', `Calls between ${Math.min(...calls)} and ${Math.max(...calls)} in the last quarter of an hour, now ${calls.at(-1)}; ${total} problems.`)
}

function showErrors(errors) {
  byId('no-errors').hidden = errors.length > 0
  byId('errors').hidden = errors.length === 0
  sync(
    byId('errors').tBodies[0],
    errors,
    ({ kind, cause }) => `${kind} ${cause}`,
    () => row(['long', 'long', 'number', 'number']),
    (line, { kind, cause, recent, total }) => {
      setClass(line, recent > 0 ? '' : 'old')
      cells(line, [kind, cause, count(recent), count(total)])
    },
  )
}

function makeUpstream() {
  return element('article', {}, element('h3'), element('p', { class: 'facts' }), element('ul', { class: 'limits' }))
}

function updateUpstream(card, { name, breakers, dials, latencyMs, sessions, firstAudio, limits, freeFrom }, picture) {
  const [title, facts, list] = card.children
  setText(title, name)
  const tried = Object.keys(dials).length > 0
  const breaker = ['open', 'half_open', 'closed']
    .filter((state) => breakers[state] > 0)
    .map((state) => `${breakers[state]} ${breakers[state] === 1 ? 'relay' : 'relays'} ${breakers[state] === 1 ? BREAKERS[state] : plural(state)}`)
  const dialled = Object.entries(dials).map(([outcome, number]) => `${count(number)} ${outcome.replace('_', ' ')}`)
  setClass(card, breakers.open > 0 ? 'broken' : breakers.half_open > 0 || freeFrom !== null ? 'strained' : tried ? '' : 'untried')
  const words = [
    tried ? breaker.join(', ') : 'not tried yet',
    ...(freeFrom ? [`free again at ${new Date(freeFrom).toLocaleTimeString('en-GB')}`] : []),
    `${count(sessions)} calls`,
    ...(tried ? [`dials: ${dialled.join(', ')}`] : []),
    ...(latencyMs === null ? [] : [`dial ${milliseconds(latencyMs)}`]),
    ...(firstAudio ? [`first audio ${milliseconds(firstAudio.p50Ms)}, 95 % ${milliseconds(firstAudio.p95Ms)}`] : []),
    ...(limits === null ? ['limits are not known: Redis does not answer'] : limits.length === 0 ? ['no limit was reported yet'] : []),
  ]
  setText(facts, words.join(' · '))
  sync(
    list,
    limits ?? [],
    (limit) => limit.name,
    makeLimit,
    (item, limit) => updateLimit(item, limit, picture),
  )
}

const plural = (state) => ({ open: 'do not dial', half_open: 'try again', closed: 'dial' })[state]

function makeLimit() {
  const box = element('div', { class: 'chart small', role: 'img' })
  const item = element('li', {}, element('p', { class: 'left' }), element('meter', { min: 0, max: 1, low: 0.1, high: 0.3, optimum: 1 }), box)
  item.chart = createLimitChart(box)
  return item
}

function updateLimit(item, { name, remaining, limit, resetAt, history, ageSeconds, source }, { at }) {
  const [words, meter, box] = item.children
  const left = remaining === null ? 'unknown' : `${amount(remaining)}${limit === null ? '' : ` of ${amount(limit)}`} left`
  const reset = resetAt !== null && Date.parse(resetAt) > Date.parse(at) ? `, full again ${new Date(resetAt).toLocaleTimeString('en-GB')}` : ''
  setText(words, `${name}: ${left}${reset} (${source}, ${ageSeconds} s ago)`)
  meter.hidden = remaining === null || limit === null
  if (!meter.hidden) {
    meter.value = limit > 0 ? Math.max(0, Math.min(1, remaining / limit)) : 0
    meter.setAttribute('aria-label', `${name} left: ${share(remaining, limit)}`)
  }
  box.hidden = history.length < 2
  if (box.hidden) return
  const amounts = history.map(([, value]) => value)
  box.setAttribute('aria-label', `${name} left in the last quarter of an hour: between ${amount(Math.min(...amounts))} and ${amount(Math.max(...amounts))}`)
  item.chart.show([history.map(([time]) => time / 1000), amounts])
}

function updateRelay(line, { relay, status, sessions, mostSessions, version, checks }) {
  setClass(line, status === 'silent' || status === 'down' ? 'broken' : status === 'ok' ? '' : 'strained')
  const said = checks.map(({ name, detail }) => `${name}: ${detail}`).join('; ')
  cells(line, [relay, said ? `${status} (${said})` : status, count(sessions), count(mostSessions), version ?? '–'])
}

/** The first cell names the row. */
function row(classes) {
  return element('tr', {}, ...classes.map((name, index) => element(index === 0 ? 'th' : 'td', { scope: index === 0 && 'row', class: name || false })))
}

function cells(line, texts) {
  for (const [index, text] of texts.entries()) setText(line.children[index], text)
}
