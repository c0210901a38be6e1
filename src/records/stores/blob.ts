// Keeps records in a container of Azure Blob Storage. What is old is deleted by the account's own lifecycle rule.
import { AnonymousCredential, ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import type { RecordsTarget } from '../../config/records-target.js'
import type { Secret } from '../../config/secret.js'
import type { RecordStore } from '../../ports/records.js'

const RETRIES = { maxTries: 2, tryTimeoutInMs: 600_000 }
/** Base64 of 64 bytes: an account key. A SAS is a query string. */
const ACCOUNT_KEY = /^[A-Za-z0-9+/]{86}==$/

/** Without a key, Entra: managed identity, workload identity, or a developer's sign-in. */
export async function createBlobStore({ account, container, prefix }: Extract<RecordsTarget, { type: 'blob' }>, key: Secret | undefined): Promise<RecordStore> {
  const client = await containerClient(`${account.href.replace(/\/$/, '')}/${container}`, nameOf(account), key?.reveal())
  return {
    async put(name, { path, contentType }) {
      await client.getBlockBlobClient(`${prefix}${name}`).uploadFile(path, { blobHTTPHeaders: { blobContentType: contentType } })
    },
    async *erase(person) {
      for await (const day of client.listBlobsByHierarchy('/', { prefix })) {
        if (day.kind !== 'prefix') continue
        // In the order of their names, so a session's blobs come one after another.
        let session: string | undefined
        for await (const { name } of client.listBlobsFlat({ prefix: `${day.name}${person}/` })) {
          const folder = name.slice(prefix.length, name.lastIndexOf('/'))
          if (session !== undefined && folder !== session) yield session
          session = folder
          await client.deleteBlob(name, { deleteSnapshots: 'include' })
        }
        if (session !== undefined) yield session
      }
    },
    close: async () => undefined,
  }
}

async function containerClient(url: string, account: string, key: string | undefined): Promise<ContainerClient> {
  const options = { retryOptions: RETRIES }
  if (key === undefined) {
    const { DefaultAzureCredential } = await import('@azure/identity')
    return new ContainerClient(url, new DefaultAzureCredential(), options)
  }
  if (ACCOUNT_KEY.test(key)) return new ContainerClient(url, new StorageSharedKeyCredential(account, key), options)
  return new ContainerClient(`${url}?${key.replace(/^\?/, '')}`, new AnonymousCredential(), options)
}

/** Azure has it in the host, Azurite in the path. */
function nameOf({ hostname, pathname }: URL): string {
  const inPath = pathname.replaceAll('/', '')
  return inPath === '' ? (hostname.split('.')[0] ?? '') : inPath
}
