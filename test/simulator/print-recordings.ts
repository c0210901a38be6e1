// Prints how far the simulator is like the recorded services, and fails below the goals: npm run test:recordings
import { hasShared } from '../support/shared.js'
import { readRecordings } from './recorded.js'
import { replay, resultsText, sumsOf } from './recording-results.js'

if (!hasShared('recordings')) {
  console.error('There are no recordings: ../shared/recordings is absent.')
  process.exitCode = 1
} else {
  const { sessions, leftOut } = readRecordings()
  const results = []
  for (const session of sessions) results.push(await replay(session))
  console.log(resultsText(results, leftOut))
  if (sumsOf(results).every(({ reached }) => reached === undefined) || sumsOf(results).some(({ reached }) => reached === false)) process.exitCode = 1
}
