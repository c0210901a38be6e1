// A copy of the built relay that hears nothing of its sessions: no metric, line, span, time of a turn or sample of a frame. What seeing costs with nothing configured is measured beside it.
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** In place of the modules through which everything about a session is seen, with what others use of them. */
const BLIND = {
  'server/session-recorders.js': 'export const sessionRecorders = () => () => ({ note() {} })',
  'relay/turn-clock.js': 'export class TurnClock { awaitsText = false; firstAudioMs = undefined; moment() {} audio() {} text() {} close() {} }',
  'relay/meters.js': `export const createMeters = () => ({ upMessages: 0, upBytes: 0, clientAudioBytes: 0, serverAudioBytes: 0, laneHits: 0, laneMisses: 0 })
export const sampled = (_direction, _session, take) => take`,
}

/** Returns its `main.js`. Throws if a module that is replaced is not there any more. */
export function blindRelay(project: string, scratch: string): string {
  const folder = join(scratch, 'blind')
  const main = join(folder, 'dist/main.js')
  if (existsSync(main)) return main
  mkdirSync(folder)
  cpSync(join(project, 'dist'), join(folder, 'dist'), { recursive: true })
  cpSync(join(project, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'), 'dir')
  for (const [name, text] of Object.entries(BLIND)) {
    const file = join(folder, 'dist', name)
    if (!existsSync(file)) throw new Error(`${name} is not in dist: say in blind.ts what sees sessions now`)
    writeFileSync(file, text)
  }
  return main
}
