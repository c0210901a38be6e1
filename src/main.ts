// Starts the relay in production, as `npm start` does.
import { failureText } from './cli/commands.js'
import { serveCommand } from './cli/serve.js'

try {
  await serveCommand(process.argv.slice(2), process)
} catch (error) {
  console.error(failureText(error))
  process.exit(1)
}
