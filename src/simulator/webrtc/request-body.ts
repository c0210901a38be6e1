// Reads a request's body, bounded, and the named parts of a form.
import type { IncomingMessage } from 'node:http'

const MAX_BODY_BYTES = 1024 * 1024

/** Undefined: it is too big. Rejects if the client leaves. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk as Buffer)
  }
  return bytes > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks)
}

/** The text of each part of `multipart/form-data`; undefined: it is no such form. */
export async function readForm(body: Buffer, contentType: string): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData()
    const parts = new Map<string, string>()
    for (const [name, value] of form) parts.set(name, typeof value === 'string' ? value : await value.text())
    return parts
  } catch {
    return undefined
  }
}
