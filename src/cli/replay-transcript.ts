// Prints what another profile would have done with a kept transcript, line by line. Words only if they were asked for.
import type { Rejudged } from '../core/replay/rejudge.js'
import type { TranscriptLine } from '../core/replay/transcript.js'

export const NOT_IN_TRANSCRIPT =
  'a transcript: words and names of tools alone. It cannot tell of settings, limits, quotas, what tools were given and gave, sound, and what was blocked, redacted, paused or not consented to.'
const MOST_SHOWN = 500
const MOST_CHARS = 300

/** True: nothing would have been decided otherwise. */
export function tellRejudged(found: readonly Rejudged[], lines: number, content: boolean, print: (line: string) => void): boolean {
  const toldAt = found.findIndex(({ toldOtherwise }) => toldOtherwise)
  for (const [index, { line, findings, ends }] of found.slice(0, MOST_SHOWN).entries()) {
    print(headOf(line))
    if (line) print(`  record  ${saidIn(line)}${content && line.who !== 'tool' ? ` ${short(line.text)}` : ''}`)
    for (const { what, isOther, text } of findings) print(`  ${isOther ? 'after ' : 'seen  '}  ${what}${content && text !== undefined ? ` ${short(text)}` : ''}`)
    if (ends) print('  From here on only the session of the record goes on.')
    else if (index === toldAt) print('  From here on the model would have been told something else. What it says is still that of the record.')
  }
  if (found.length > MOST_SHOWN) print(`… and ${found.length - MOST_SHOWN} more`)
  const others = found.filter(({ findings }) => findings.some(({ isOther }) => isOther))
  const of = `${lines} ${lines === 1 ? 'line' : 'lines'}`
  const differ = others.filter(({ line }) => line).length
  print(others.length === 0 ? `the same: ${of}` : `different: ${differ === others.length ? `${differ} of ${of}` : `all of ${of}`}`)
  return others.length === 0
}

function headOf(line: TranscriptLine | undefined): string {
  return line ? `${`${(line.atMs / 1000).toFixed(3)} s`.padStart(12)}  line ${line.line}  ${line.who}` : `${'0.000 s'.padStart(12)}  the record`
}

function saidIn(line: TranscriptLine): string {
  if (line.who === 'tool') return `tool ${line.tool} ran`
  if (line.who === 'user') return 'said'
  return line.heard === undefined ? 'shown' : `shown, heard: ${line.heard}`
}

function short(text: string): string {
  const shown = JSON.stringify(text)
  return shown.length > MOST_CHARS ? `${shown.slice(0, MOST_CHARS)}…` : shown
}
