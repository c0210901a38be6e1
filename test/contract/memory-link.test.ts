// The link in memory, which the relay's tests use, keeps the contract of a real link.
import { memoryPair } from '../support/memory-link.js'
import { describeLink } from './link.js'

describeLink('in memory', async () => ({ ...memoryPair(), dispose: async () => {} }))
