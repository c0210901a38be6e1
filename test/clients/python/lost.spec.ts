// Python's realtime clients through a relay that loses its upstream: before an answer, in a tool of the server's, between turns, in the middle of an answer.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { microphone, missingVoice } from '../support/direct.js'
import { type Lab, openLab, UPSTREAMS } from '../support/lab.js'
import { brokenOff, CALL, losses, noticedNothing } from '../support/lost.js'
import type { Answer } from '../support/turns.js'
import { type Child, hex, startChild } from './child.js'

type Library = 'openai' | 'livekit' | 'pipecat' | 'pydantic_ai'
const LIBRARIES: readonly Library[] = ['openai', 'livekit', 'pipecat', 'pydantic_ai']

interface PythonTalker {
  ask(text: string): Promise<Answer>
  speak(): Promise<Answer>
  readonly child: Child
}

/** Pipecat sends all but an app's first words as a system's: its later questions are spoken. */
function connect(library: Library, host: string, token: string): PythonTalker {
  const child = startChild(`direct_${library}.py`, ['relay', host, token], process.env.DIRECT_TEST_PYTHON)
  const pcm = hex(microphone('Can you hear me well today?'))
  return {
    child,
    ask: (text) => child.call({ do: 'ask', text }),
    speak: () => child.call({ do: 'speak', pcm }),
  }
}

describe.skipIf(missingVoice.length > 0)(`Python and a lost upstream${missingVoice.map((name) => ` (skipped: ${name} is missing)`)}`, () => {
  describe.each(UPSTREAMS)('of a %s kind', (upstream) => {
    let lab: Lab
    beforeAll(async () => {
      // Over plain `ws`, as these clients of the simulator dial.
      lab = await openLab({ upstream, env: { TLS_CERT_FILE: '', TLS_KEY_FILE: '' } })
    })
    afterAll(() => lab?.close())
    beforeEach(() => lab.forget())

    it.each(LIBRARIES)('%s notices a pause', async (library) => {
      const undisturbed = connect(library, lab.host, await lab.token())
      await undisturbed.ask('Good morning')
      await undisturbed.speak()
      await undisturbed.child.close()
      const usual = new Set(lab.toClients().map(({ type }) => type))
      lab.hangUp()

      lab.forget()
      const lose = losses(lab)
      const talker = connect(library, lab.host, await lab.token())
      lose.at('response.created')
      expect((await talker.ask('Good morning')).text).toContain('You said: Good morning.')
      lose.check()
      if (library === 'pipecat') await lose.now()
      else {
        const tools = lab.running.toolRequests.length
        lose.at(CALL)
        expect((await talker.ask('What is the weather in Oslo?')).text).toContain('sunny in Oslo')
        expect(lab.running.toolRequests.slice(tools)).toEqual(['POST /weather {"city":"Oslo"}'])
        lose.check()
      }
      lose.inAnswer()
      await brokenOff(lab, talker.speak())
      // What goes on is in the library's queue of events.
      if (library === 'pydantic_ai') await talker.child.call({ do: 'answer' })
      lose.check()
      expect((await talker.speak()).text).toMatch(/You said: Hello/)
      await talker.child.close()
      noticedNothing(lab, usual)
    })
  })
})
