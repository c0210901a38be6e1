// Production start: configuration → server → listen; SIGTERM → drain, then exit.
import { loadConfig } from './config.js'
import { serve } from './run.js'
import { startupProblem } from './startup-problem.js'

try {
  await serve(loadConfig(), process)
} catch (error) {
  console.error(startupProblem(error))
  process.exit(1)
}
