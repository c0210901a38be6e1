// Starts the relay in production, as `npm start` does.
import { help, UsageError } from './cli/commands.js'
import { serveCommand } from './cli/serve.js'
import { startupProblem } from './process/startup-problem.js'

try {
  await serveCommand(process.argv.slice(2), process)
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${help(error.command)}` : startupProblem(error))
  process.exit(1)
}
