// Node 20 has the WebSocket of Node 22 only behind a flag. Tests use the same one from undici, its source.

export async function provideNativeWebSocket(): Promise<void> {
  if ('WebSocket' in globalThis) return
  const { WebSocket } = await import('undici')
  Object.assign(globalThis, { WebSocket })
}
