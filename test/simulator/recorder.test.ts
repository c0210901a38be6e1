// What the simulator remembers of sessions: all that are open, and the latest that ended.
import { expect, it } from 'vitest'
import { createRecorder } from '../../src/simulator/recorder.js'

it('keeps a session for as long as it is open, and forgets the oldest that ended', () => {
  const recorder = createRecorder(0)
  const open = (id: string) => {
    const recording = recorder.open({ target: '/', headers: {}, dialect: 'ga', deployment: 'voice' })
    recording.started({ id, items: () => [] })
    return recording
  }
  open('stays')
  for (let n = 0; n < 100; n++) open(`ends-${n}`).ended(1000)
  expect(recorder.sessions).toHaveLength(64)
  expect(recorder.sessions[0]?.sessionId).toBe('stays')
  expect(recorder.sessions.at(-1)?.sessionId).toBe('ends-99')
  expect(recorder.conversations().map(({ sessionId }) => sessionId)).toEqual(recorder.sessions.map(({ sessionId }) => sessionId))
  for (let n = 0; n < 100; n++) open(`open-${n}`)
  expect(recorder.sessions.filter(({ sessionId }) => sessionId.startsWith('open-'))).toHaveLength(100)
})
