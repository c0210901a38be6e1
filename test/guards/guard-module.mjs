// A guard as a module, for the tests of modules.
let aborted = 0

export async function check({ side, text }, { identity, signal }) {
  if (text.includes('HANG')) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    aborted++
  }
  if (text.includes('WHEN_ABORTED')) return { blocked: aborted > 0, category: 'aborted' }
  if (text.includes('THROW')) throw new Error('hunter2-what-somebody-said')
  if (text.includes('NOTHING')) return undefined
  if (text.includes('WRONG')) return { blocked: 'no' }
  if (text.includes('HUGE')) return { blocked: false, redacted: 'x'.repeat(1_000_000) }
  if (text.includes('BLOCK_THREAD')) for (;;);
  if (text.includes('WHO')) return { blocked: true, category: `${side}_${identity.subject}` }
  return { blocked: text.includes('kill'), category: 'violence' }
}
