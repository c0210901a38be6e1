// The demo's order module, compiled on the way into the tool's thread, so that its test needs no build.
import { tsImport } from 'tsx/esm/api'

export const { lookupOrder } = await tsImport('../../src/demo/orders.ts', import.meta.url)
