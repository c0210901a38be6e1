// Starts the relay in production: tunes the heap, reads the configuration, serves until a signal.
import { loadConfig } from './config/load.js'
import { tuneHeap } from './process/heap.js'
import { serve } from './process/run.js'
import { startupProblem } from './process/startup-problem.js'
import { checkTools } from './tools/check.js'

try {
  tuneHeap()
  await serve(() => loadConfig(checkTools), process)
} catch (error) {
  console.error(startupProblem(error))
  process.exit(1)
}
