// Reads the words of the command `replay`.
import type { DialectName } from '../core/protocol/dialect.js'
import { claims } from './claims.js'
import { UsageError } from './commands.js'
import { options, required } from './options.js'

const TEXT = { type: 'string' } as const
const FLAG = { type: 'boolean' } as const
const DIALECTS: readonly DialectName[] = ['ga', 'preview', 'voice-live']

/** True: both decide the same. */
export async function replayCommand(args: readonly string[], print: (line: string) => void): Promise<boolean> {
  const spec = { profiles: TEXT, before: TEXT, profile: TEXT, claims: TEXT, dialect: TEXT, phone: FLAG, content: FLAG, 'env-file': TEXT }
  const { values, words } = options('replay', args, spec, 1)
  const dialect = DIALECTS.find((name) => name === (values.dialect ?? 'ga'))
  if (!dialect) throw new UsageError(`--dialect must be one of ${DIALECTS.join(', ')}.`, 'replay')
  const asked = {
    file: required('replay', words[0], 'FILE'),
    profilesFile: required('replay', values.profiles, '--profiles'),
    beforeFile: values.before,
    profile: values.profile,
    claims: claims('replay', values.claims),
    dialect,
    phone: values.phone ?? false,
    content: values.content ?? false,
  }
  if (values['env-file'] !== undefined) (await import('../config/env-file.js')).loadEnvFile(values['env-file'])
  const { replay } = await import('./replay.js')
  return replay(asked, print)
}
