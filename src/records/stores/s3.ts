// Keeps records in a bucket of S3 or of a store that speaks its protocol. What is old is deleted by the bucket's own lifecycle rule.
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { DeleteObjectsCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { RecordsTarget } from '../../config/records-target.js'
import type { RecordStore } from '../../ports/records.js'

const ATTEMPTS = 2
const CONNECT_MS = 10_000
const REQUEST_MS = 600_000
const SMALL_BYTES = 4 * 1024 * 1024
const DEFAULT_REGION = 'us-east-1'

/** Credentials as every AWS tool finds them: `AWS_…` variables, a profile, a role. */
export function createS3Store({ bucket: Bucket, prefix, endpoint, region }: Extract<RecordsTarget, { type: 's3' }>): RecordStore {
  const client = new S3Client({
    region: region ?? DEFAULT_REGION,
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: REQUEST_MS },
    // Checksums only where the protocol asks for them: other vendors' stores refuse the newer ones.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    logger: SILENT,
    ...(endpoint && { endpoint: endpoint.href, forcePathStyle: true }),
  })
  const days = () => pages({ Prefix: prefix, Delimiter: '/' }, ({ CommonPrefixes }) => (CommonPrefixes ?? []).flatMap(({ Prefix }) => (Prefix === undefined ? [] : [Prefix])))

  async function pages<T>(query: { Prefix: string; Delimiter?: string }, of: (page: Page) => readonly T[]): Promise<readonly T[]> {
    const found: T[] = []
    let token: string | undefined
    do {
      const page = await client.send(new ListObjectsV2Command({ Bucket, ...query, ContinuationToken: token }))
      found.push(...of(page))
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
    return found
  }

  async function remove(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += MOST_DELETED) {
      const Objects = keys.slice(at, at + MOST_DELETED).map((Key) => ({ Key }))
      const { Errors } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }))
      if (Errors && Errors.length > 0) throw new Error('not all were deleted')
    }
  }

  return {
    async put(name, { path, bytes, contentType }) {
      await client.send(new PutObjectCommand({ Bucket, Key: `${prefix}${name}`, Body: await bodyOf(path, bytes), ContentLength: bytes, ContentType: contentType }))
    },
    async *erase(person) {
      for (const day of await days()) {
        const keys = await pages({ Prefix: `${day}${person}/` }, ({ Contents }) => (Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key])))
        for (const session of new Set(keys.map(folderOf))) {
          await remove(keys.filter((key) => folderOf(key) === session))
          yield session.slice(prefix.length)
        }
      }
    },
    close: async () => client.destroy(),
  }
}

function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'))
}

/** A small file is sent again by the client itself; a stream cannot be. */
async function bodyOf(path: string, bytes: number): Promise<Buffer | ReturnType<typeof createReadStream>> {
  return bytes <= SMALL_BYTES ? readFile(path) : createReadStream(path)
}

/** The library's own lines would go past the relay's log, and name what they are about. */
const nothing = () => undefined
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** The protocol's own bound for one request. */
const MOST_DELETED = 1000

interface Page {
  readonly Contents?: readonly { readonly Key?: string | undefined }[] | undefined
  readonly CommonPrefixes?: readonly { readonly Prefix?: string | undefined }[] | undefined
}
