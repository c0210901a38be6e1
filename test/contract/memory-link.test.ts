// The link in memory that the relay's tests use keeps the same contract as a real one.
import { memoryPair } from '../support/memory-link.js'
import { describeLink } from './link.js'

describeLink('in memory', async () => ({ ...memoryPair(), dispose: async () => {} }))
