// Before each file: memory that reads share is wiped after each of them, so that whoever keeps a frame without a copy fails its test.
import { wipeSharedReads } from '../../src/wire/shared-read.js'

wipeSharedReads()
