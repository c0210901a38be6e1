// The page of the control port: live sessions, events as they pass, and a fault to send. One file without anything from elsewhere.

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem;color:#1b1b1b;background:#fff}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:1.5rem}table{border-collapse:collapse;width:100%}
td{overflow-wrap:anywhere}th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #d5d5d5;vertical-align:top}
textarea{width:100%;box-sizing:border-box;font:13px/1.4 ui-monospace,monospace}button{font:inherit;padding:.3rem .8rem;margin:.4rem .4rem 0 0}
pre{margin:0;font:12px/1.4 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
#events{max-height:26rem;overflow:auto;border:1px solid #d5d5d5;padding:.3rem}.client{color:#0a4d8c}.server{color:#3d3d3d}
@media (max-width:40rem){thead{display:none}tr{display:block;padding:.3rem 0;border-bottom:1px solid #d5d5d5}td{display:inline-block;padding:0 .8rem 0 0;border:0;overflow-wrap:anywhere}td:last-child::after{content:' events'}}
@media (prefers-color-scheme:dark){body{color:#e8e8e8;background:#1b1b1b}.client{color:#8cc4ff}.server{color:#cfcfcf}th,td,#events{border-color:#444}}`

const SCRIPT = `const $ = (id) => document.getElementById(id)
const say = (text) => { $('told').textContent = text }
const cells = (...texts) => { const row = document.createElement('tr'); for (const text of texts) { const cell = document.createElement('td'); cell.textContent = text; row.append(cell) } return row }
const GONE = 'The simulator does not answer.'
async function ask(method, path, body) {
  say('')
  try {
    const answer = await fetch(path, { method, body })
    const value = await answer.json()
    say(answer.ok ? 'Done.' : value.error.message)
    await sessions()
  } catch {
    say(GONE)
  }
}
async function sessions() {
  const all = await fetch('sessions').then((answer) => answer.json()).catch(() => undefined)
  if (!all) return
  $('sessions').replaceChildren(...all.reverse().map((one) => cells(one.id, one.dialect, one.deployment, one.open ? 'open' : 'ended ' + one.closeCode, String(one.events))))
  $('count').textContent = all.filter((one) => one.open).length
}
let due = 0
const soon = () => { due ||= setTimeout(() => { due = 0; sessions() }, 300) }
const stream = new EventSource('events')
stream.addEventListener('open', () => { $('watching').textContent = 'Watching.'; sessions() })
stream.addEventListener('error', () => { $('watching').textContent = GONE })
stream.addEventListener('message', ({ data }) => {
  const { sessionId, from, event, ms } = JSON.parse(data)
  const line = document.createElement('pre')
  line.className = from
  line.textContent = sessionId.slice(-6) + ' ' + String(ms).padStart(7) + ' ms ' + (from === 'client' ? '→ ' : '← ') + event.type + '  ' + JSON.stringify(event).slice(0, 300)
  $('events').append(line)
  while ($('events').childElementCount > 300) $('events').firstChild.remove()
  $('events').scrollTop = $('events').scrollHeight
  soon()
})
$('send').addEventListener('click', () => ask('POST', 'faults', $('faults').value))
$('clear').addEventListener('click', () => ask('POST', 'faults', '{}'))
$('end').addEventListener('click', () => ask('DELETE', 'sessions'))
setInterval(sessions, 3000)`

export const CONTROL_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Local Azure</title>
<style>${STYLE}</style>
<h1>Local Azure</h1>
<p><span id="watching" role="note">Not watching yet.</span> Described by <a href="openapi.json">OpenAPI</a>.</p>
<h2>Sessions (<span id="count">0</span> open)</h2>
<table><thead><tr><th>id<th>dialect<th>deployment<th>state<th>events</tr></thead><tbody id="sessions"></tbody></table>
<h2><label for="faults">Send a fault</label></h2>
<textarea id="faults" rows="3">{"end": {"how": "rst", "at": "now"}}</textarea>
<button id="send">Send</button><button id="clear">End all faults</button><button id="end">End all sessions</button> <span id="told" role="status"></span>
<h2>Events</h2>
<div id="events" tabindex="0" aria-label="Events as they pass"></div>
<script type="module">${SCRIPT}</script>
</html>
`
export const PAGE_PARTS = { style: STYLE, script: SCRIPT }
