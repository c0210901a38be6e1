// Which store the configuration names. The vendors' libraries are loaded for their own stores only.
import type { RecordsConfig } from '../config/records.js'
import type { RecordStore } from '../ports/records.js'
import { createFolderStore } from './stores/folder.js'

export async function openRecordStore({ target, key }: Pick<RecordsConfig, 'target' | 'key'>): Promise<RecordStore> {
  switch (target.type) {
    case 'folder':
      return createFolderStore(target.path)
    case 's3':
      return (await import('./stores/s3.js')).createS3Store(target)
    case 'blob':
      return (await import('./stores/blob.js')).createBlobStore(target, key)
    case 'hook':
      return (await import('./stores/hook.js')).createHookStore(target.url, key)
  }
}
