// Calls by Twilio that outlive their upstream: what the caller hears, and what the model remembers.
import { testUpstreams } from './upstreams.js'

testUpstreams('twilio')
