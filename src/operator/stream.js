// Reads the stream of pictures with `fetch`, since the browser's own reader of event streams sends no header.

/** What the relay answered instead of a stream, or instead of doing what was asked. */
export class Refused extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

export async function ask(token, method, path, body) {
  const answer = await fetch(`v1/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
    cache: 'no-store',
    credentials: 'omit',
  })
  const said = await answer.json().catch(() => ({}))
  if (!answer.ok) throw new Refused(answer.status, said.error?.message ?? `The relay answered ${answer.status}.`)
  return said
}

/** Calls `on` with the name and the data of each event, until the stream ends. Rejects with `Refused`, or if the network fails. */
export async function readStream(token, signal, on) {
  const answer = await fetch('v1/admin/live', { headers: { authorization: `Bearer ${token}` }, signal, cache: 'no-store', credentials: 'omit' })
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}))
    throw new Refused(answer.status, said.error?.message ?? `The relay answered ${answer.status}.`)
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const blocks = (rest + value).split('\n\n')
    rest = blocks.pop()
    for (const block of blocks) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? []
      if (name) on(name, JSON.parse(data))
    }
  }
}
