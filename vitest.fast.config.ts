// The fast part of the suite, run by `npm run test:fast`: no suite that starts processes or threads, or uses sockets for long.
import { defineConfig, mergeConfig } from 'vitest/config'
import suite from './vitest.config.js'

const WHOLE = ['admin', 'browser', 'cli', 'contract', 'deploy', 'identity', 'process', 'server', 'store', 'telephony', 'wire']
const FILES = [
  'auth/remote-keys*',
  'core/session/interleavings*',
  'docs/snippets',
  'events/{fitting,openai-types}',
  'profiles/live',
  'simulator/webrtc',
  'tools/{mcp,module}',
  'ops/log',
]

export default mergeConfig(suite, defineConfig({ test: { exclude: [...WHOLE.map((folder) => `test/${folder}/**`), ...FILES.map((file) => `test/${file}.test.ts`)] } }))
