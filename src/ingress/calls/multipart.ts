// Reads the two parts of a call's multipart form, offer and session, out of a body that is bounded already.
import { Busboy, type BusboyHeaders } from '@fastify/busboy'
import { RefusalError } from '../../core/protocol/errors.js'
import { within } from '../../time/within.js'

export interface CallForm {
  readonly sdp: string
  /** JSON text. */
  readonly session: string | undefined
}

const LIMITS = { parts: 4, fields: 4, files: 0, fieldSize: 32_768, headerPairs: 16, headerSize: 2048 }
const NAMES = ['sdp', 'session'] as const
/** The whole body is here, so this is for a form that the parser never finishes. */
const READ_MS = 1000

/** Rejects with `bad_request`, and says what is wrong. */
export async function readCallForm(body: Buffer, contentType: string): Promise<CallForm> {
  const fields = await within(READ_MS, fieldsOf(body, contentType), () => {
    throw badForm('The form does not end.')
  })
  const [sdp] = fields.get('sdp') ?? []
  for (const name of NAMES) if ((fields.get(name)?.length ?? 0) > 1) throw badForm(`The form has the part '${name}' twice.`)
  if (sdp === undefined) throw badForm("The form has no part 'sdp'.")
  return { sdp, session: fields.get('session')?.[0] }
}

function fieldsOf(body: Buffer, contentType: string): Promise<ReadonlyMap<string, readonly string[]>> {
  return new Promise((resolve, reject) => {
    const fields = new Map<string, string[]>()
    const fail = () => reject(badForm('The form is malformed or has too many parts.'))
    try {
      // Clients give the parts file names or not; to us both are text.
      const form = new Busboy({ headers: { 'content-type': contentType } as BusboyHeaders, limits: LIMITS, isPartAFile: () => false })
      form.on('field', (name, value, nameCut, valueCut) => {
        if (nameCut || valueCut) return reject(badForm('The form has a part that is too big.'))
        fields.set(name, [...(fields.get(name) ?? []), value])
      })
      form.on('partsLimit', fail)
      form.on('fieldsLimit', fail)
      form.on('error', fail)
      form.on('finish', () => resolve(fields))
      form.end(body)
    } catch {
      fail()
    }
  })
}

function badForm(message: string): RefusalError {
  return new RefusalError('bad_request', 'bad_form', undefined, { message })
}
