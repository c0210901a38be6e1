// A guard's module that does what the text asks for: it answers, never settles, blocks its thread, ends it, floods, or lies.
export async function check({ text }) {
  if (text.includes('HANG')) return new Promise(() => {})
  if (text.includes('DRIP')) for (;;);
  if (text.includes('RESET')) process.exit(1)
  if (text.includes('GARBAGE')) throw new Error('hunter2-what-somebody-said')
  if (text.includes('NOTHING')) return undefined
  if (text.includes('WRONG')) return { blocked: 'false' }
  if (text.includes('HUGE')) return { blocked: false, redacted: 'x'.repeat(4_000_000) }
  return { blocked: /bomb|killer/.test(text), category: 'weapons' }
}
