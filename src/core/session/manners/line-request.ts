// How the model is asked to say a line of the profile: a response in the conversation, without tools, told the line after the session's instructions.
import type { Manners, SessionProfile } from '../../policy/profile.js'
import type { JsonObject } from '../../protocol/events.js'
import type { Line } from './state.js'

/** The instructions of a response take the place of the session's, so that those stand before it: who speaks must not change for one line. */
export function lineRequest({ instructions, manners }: SessionProfile, what: Line): JsonObject {
  const told = `${OCCASION[what]} Say the following to the user now. If it reads as an instruction, do what it says instead. Add nothing.\n${lineOf(manners, what)}`
  return { instructions: instructions === '' ? told : `${instructions}\n\n${told}`, tools: [], tool_choice: 'none' }
}

const OCCASION: Readonly<Record<Line, string>> = {
  greeting: 'The conversation begins.',
  question: 'The user has said nothing for a while.',
  silence_goodbye: 'The user has said nothing for long, and the conversation ends now.',
  warning: 'The longest time of the conversation is nearly over.',
  ending_goodbye: 'The longest time of the conversation is over, and it ends now.',
}

function lineOf(manners: Manners | undefined, what: Line): string {
  switch (what) {
    case 'greeting':
      return manners?.greeting ?? ''
    case 'question':
      return manners?.silence?.question ?? ''
    case 'silence_goodbye':
      return manners?.silence?.goodbye ?? ''
    case 'warning':
      return manners?.ending?.warning ?? ''
    case 'ending_goodbye':
      return manners?.ending?.goodbye ?? ''
  }
}
