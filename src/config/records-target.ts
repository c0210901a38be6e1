// Tells from one URL which kind of store records go to.
import { fileURLToPath } from 'node:url'
import { httpUrl, type Parse } from './parse.js'

export type RecordsTarget =
  | { readonly type: 'folder'; readonly path: string }
  | { readonly type: 's3'; readonly bucket: string; readonly prefix: string; readonly endpoint: URL | undefined; readonly region: string | undefined }
  /** `account`: the service's address, on Azurite with the account in its path. */
  | { readonly type: 'blob'; readonly account: URL; readonly container: string; readonly prefix: string }
  | { readonly type: 'hook'; readonly url: URL }

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
const AZURE_BLOB = /^[a-z0-9]{3,24}\.blob\.(core\.windows\.net|core\.chinacloudapi\.cn|core\.usgovcloudapi\.net)$/
/** Azurite is told from a hook by the account that its path begins with. */
const AZURITE_PATH = /^\/devstoreaccount1(?=\/)/

export const recordsTarget: Parse<RecordsTarget> = (text) => {
  if (!/^[a-z0-9]+:\/\//i.test(text)) return { value: { type: 'folder', path: text } }
  if (!URL.canParse(text)) return { problem: 'must be a folder, or a URL that begins with file://, s3:// or https://' }
  const url = new URL(text)
  if (url.protocol === 'file:')
    return url.host === '' ? { value: { type: 'folder', path: fileURLToPath(url) } } : { problem: 'names a host in a file URL: only a folder of this machine works' }
  if (url.protocol === 's3:') return s3(url)
  const parsed = httpUrl(text)
  if ('problem' in parsed) return parsed
  const azurite = AZURITE_PATH.exec(url.pathname)?.[0]
  return AZURE_BLOB.test(url.hostname) || azurite !== undefined ? blob(url, azurite ?? '') : { value: { type: 'hook', url } }
}

function s3(url: URL): ReturnType<typeof recordsTarget> {
  if (!BUCKET.test(url.hostname)) return { problem: 'must name a bucket: s3://bucket/prefix' }
  if (url.username !== '' || url.password !== '') return { problem: 'must not contain credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role' }
  for (const name of url.searchParams.keys()) if (name !== 'endpoint' && name !== 'region') return { problem: 'may have ?endpoint= and &region= alone' }
  const text = url.searchParams.get('endpoint')
  const endpoint = text === null ? undefined : httpUrl(text)
  if (endpoint && 'problem' in endpoint) return { problem: `has an endpoint that ${endpoint.problem}` }
  return { value: { type: 's3', bucket: url.hostname, prefix: prefixOf(url.pathname), endpoint: endpoint?.value, region: url.searchParams.get('region') ?? undefined } }
}

function blob(url: URL, before: string): ReturnType<typeof recordsTarget> {
  if (url.search !== '' || url.hash !== '') return { problem: 'must have no ? or # part: a SAS belongs into RECORDS_KEY' }
  const [container = '', ...rest] = url.pathname.slice(before.length + 1).split('/')
  if (!/^[a-z0-9](?:-?[a-z0-9]){2,62}$/.test(container)) return { problem: 'must name a container: https://account.blob.core.windows.net/container/prefix' }
  return { value: { type: 'blob', account: new URL(`${url.origin}${before}`), container, prefix: prefixOf(rest.join('/')) } }
}

/** Without a slash at the begin, with one at the end, or empty. */
function prefixOf(path: string): string {
  const inner = path.replace(/^\/+|\/+$/g, '')
  return inner === '' ? '' : `${inner}/`
}
