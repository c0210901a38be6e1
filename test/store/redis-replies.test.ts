// Errors of commands inside a script, as each version of Redis words them.
import { describe, expect, it } from 'vitest'
import { replyOf } from '../../src/store/redis/connection.js'

const FAILED = 'ERR Error running script (call to f_7bde4bd468bc3cda10c087ad5f4dfea42d1b4c04): '

describe('replyOf', () => {
  it.each([
    { id: 'redis-6-readonly', says: `${FAILED}@user_script:1: @user_script: 1: -READONLY You can't write against a read only replica.`, reply: /^READONLY You/ },
    { id: 'redis-6-full', says: `${FAILED}@user_script:12: @user_script: 12: -OOM command not allowed when used memory > 'maxmemory'.`, reply: /^OOM command/ },
    { id: 'redis-6-wrong-type', says: `${FAILED}@user_script:1: WRONGTYPE Operation against a key holding the wrong kind of value`, reply: /^WRONGTYPE Operation/ },
    { id: 'redis-7-readonly', says: "READONLY You can't write against a read only replica. script: f_7bde, on @user_script:1.", reply: /^READONLY You/ },
    { id: 'redis-7-own-error', says: 'ERR user_script:1: attempt to index a nil value script: f_7bde, on @user_script:1.', reply: /^ERR user_script/ },
    { id: 'no-script', says: 'LOADING Redis is loading the dataset in memory', reply: /^LOADING/ },
  ])('$id', ({ says, reply }) => {
    expect(replyOf(new Error(says))).toMatch(reply)
  })
})
