// Node 20 has the WebSocket of Node 22 behind a flag; undici, where it comes from, gives the same to tests.

export async function provideNativeWebSocket(): Promise<void> {
  if ('WebSocket' in globalThis) return
  const { WebSocket } = await import('undici')
  Object.assign(globalThis, { WebSocket })
}
