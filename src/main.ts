// Production start: configuration → server → listen; SIGTERM → drain, then exit.
import { loadConfig } from './config.js'
import { runUntilSignal } from './run.js'
import { startServer } from './server.js'
import { startupProblem } from './startup-problem.js'

try {
  await runUntilSignal(startServer(loadConfig()), process)
} catch (error) {
  console.error(startupProblem(error))
  process.exit(1)
}
