// The list of events. Each event has a row; a stream of deltas or audio shares one row with a count. A click shows the latest JSON.
const MOST_ROWS = 500
/** Longer strings are taken for audio. */
const LONGEST = 400

/** How many rows back a stream may continue, since deltas of several kinds and audio of both sides alternate. */
const LOOK_BACK = 4

export function eventList(list) {
  const recent = []

  return function add(direction, event) {
    const stream = /\.(delta|append)$/.test(event.type)
    const going = stream ? recent.find((entry) => entry.direction === direction && entry.type === event.type) : undefined
    if (going) {
      going.count++
      going.latest = event
      going.times.textContent = ` ×${going.count}`
      if (going.details.open) show(going)
      return
    }
    const entry = newRow(direction, event)
    recent.unshift(entry)
    recent.splice(LOOK_BACK)
    list.append(entry.row)
    if (list.childElementCount > MOST_ROWS) list.firstElementChild.remove()
    entry.row.scrollIntoView({ block: 'nearest' })
  }
}

function newRow(direction, event) {
  const entry = { direction, type: event.type, count: 1, latest: event, row: create('li'), details: create('details'), times: create('span'), json: create('pre') }
  const summary = create('summary')
  summary.append(event.type, entry.times)
  entry.row.className = direction
  entry.details.append(summary, entry.json)
  entry.details.ontoggle = () => show(entry)
  entry.row.append(entry.details)
  return entry
}

function show({ json, latest }) {
  json.textContent = JSON.stringify(
    latest,
    (_key, value) => (typeof value === 'string' && value.length > LONGEST ? `${value.slice(0, 40)}… (${value.length} characters)` : value),
    2,
  )
}

function create(name) {
  return document.createElement(name)
}
