// Waits for a promise, but no longer than it is given.

/**
 * Settles as `promise` does. After `ms` milliseconds it settles as `late` does instead: resolved to what that returns, or rejected
 * with what it throws. A later outcome of `promise` is ignored, a failure included.
 */
export async function within<T, L = T>(ms: number, promise: Promise<T>, late: () => L | Promise<L>): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  }).then(late)
  try {
    return await Promise.race([promise, expired])
  } finally {
    clearTimeout(timer)
  }
}
