// What the demo shows of the relay's log: one plain line for each refused page or client, and errors.
import type { LogSink } from '../ops/log-sink.js'

/** The log's own words for a refusal at the door. */
const REFUSED = 'upgrade refused'

const HINTS: Readonly<Record<string, string>> = {
  unauthenticated: 'the token is not one of this start: use the one printed above, or open the page printed above',
  forbidden: 'the page is not of this machine: name its origin in ALLOWED_ORIGINS',
  subprotocol_required: 'a browser must offer the subprotocol "realtime" beside the one with the token',
}

/** `levels`: the lines that pass as they are. Everything else that is not a refusal is dropped. */
export function demoSink(inner: LogSink, levels: ReadonlySet<string>): LogSink {
  return {
    write(line) {
      const { level, msg, code, why, origin } = fieldsOf(line)
      if (msg === REFUSED) {
        const hint = HINTS[code ?? '']
        inner.write(`Refused    ${code} (${why})${origin ? ` from ${origin}` : ''}${hint ? `: ${hint}` : ''}\n`)
      } else if (levels.has(level ?? '')) inner.write(line)
    },
    get dropped() {
      return inner.dropped
    },
    flush: (deadlineMs) => inner.flush(deadlineMs),
  }
}

function fieldsOf(line: string): Readonly<Record<string, string | undefined>> {
  try {
    return JSON.parse(line) as Record<string, string>
  } catch {
    return {}
  }
}
