// The forms of REDIS_URL, and that a mistake is named without showing the URL.
import { describe, expect, it } from 'vitest'
import { parseRedisUrl } from '../../src/config/redis-url.js'

const plain = { kind: 'single', tls: false, username: undefined, password: undefined, db: 0, master: undefined }

describe('parseRedisUrl', () => {
  it.each([
    ['redis://cache', { ...plain, nodes: [{ host: 'cache', port: 6379 }] }],
    ['redis://127.0.0.1:7000/', { ...plain, nodes: [{ host: '127.0.0.1', port: 7000 }] }],
    ['redis://[::1]:7000/2', { ...plain, nodes: [{ host: '::1', port: 7000 }], db: 2 }],
    ['redis://:p%40ss@cache', { ...plain, nodes: [{ host: 'cache', port: 6379 }], password: 'p@ss' }],
    ['redis://:p@ss:word@cache', { ...plain, nodes: [{ host: 'cache', port: 6379 }], password: 'p@ss:word' }],
    ['redis://:abc+/=@cache', { ...plain, nodes: [{ host: 'cache', port: 6379 }], password: 'abc+/=' }],
    ['rediss://relay:pw@cache.example:6380/1', { ...plain, tls: true, nodes: [{ host: 'cache.example', port: 6380 }], username: 'relay', password: 'pw', db: 1 }],
    [
      'redis+cluster://u:p@a:1,b:2,c',
      {
        ...plain,
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
          { host: 'c', port: 6379 },
        ],
        username: 'u',
        password: 'p',
      },
    ],
    ['rediss+cluster://a', { ...plain, kind: 'cluster', tls: true, nodes: [{ host: 'a', port: 6379 }] }],
    [
      'redis+sentinel://:p@a,b:2/mymaster',
      {
        ...plain,
        kind: 'sentinel',
        nodes: [
          { host: 'a', port: 26379 },
          { host: 'b', port: 2 },
        ],
        password: 'p',
        master: 'mymaster',
      },
    ],
    ['rediss+sentinel://a/my%20master/3', { ...plain, kind: 'sentinel', tls: true, nodes: [{ host: 'a', port: 26379 }], master: 'my master', db: 3 }],
  ])('%s', (url, target) => {
    expect(parseRedisUrl(url)).toEqual(target)
  })

  it.each([
    ['', /must read/],
    ['cache:6379', /must read/],
    ['http://s3cret-host', /must read/],
    ['redis://', /must read/],
    ['redis://s3cret-host?db=1', /must read/],
    ['redis://s3cret-host/1/2/3', /must read/],
    ['redis://s3cret-host/1/2', /path that means nothing/],
    ['redis://s3cret-host/one', /database/],
    ['redis://s3cret-host:0', /name:port/],
    ['redis://s3cret-host:65536', /name:port/],
    ['redis://s3cret host', /name:port/],
    ['redis://a,s3cret-host', /several hosts/],
    ['redis+cluster://a,,s3cret-host', /name:port/],
    ['redis+cluster://s3cret-host/1', /path that means nothing/],
    ['redis+sentinel://s3cret-host', /names no master/],
    ['redis+sentinel://s3cret-host/', /names no master/],
    ['redis://s3cret-user@host', /user without a password/],
    ['redis://s3cret-user:@host', /user without a password/],
    ['redis://:s3cret%zz@host', /percent/],
  ])('refuses %s', (url, message) => {
    expect(() => parseRedisUrl(url)).toThrow(message)
    expect(() => parseRedisUrl(url)).toThrow(/^(?!.*s3cret).*$/)
  })

  it.each([
    ['rediss://6497c918-11ad-41e7@cache.example:10000', { ...plain, tls: true, nodes: [{ host: 'cache.example', port: 10000 }], username: '6497c918-11ad-41e7' }],
    ['redis://me@127.0.0.1:7000/1', { ...plain, nodes: [{ host: '127.0.0.1', port: 7000 }], username: 'me', db: 1 }],
    ['redis://me@[::1]', { ...plain, nodes: [{ host: '::1', port: 6379 }], username: 'me' }],
  ])('with Entra ID: %s', (url, target) => {
    expect(parseRedisUrl(url, true)).toEqual(target)
  })

  it.each([
    ['rediss://s3cret-host', /names nobody who signs in/],
    ['rediss://@s3cret-host', /names nobody who signs in/],
    ['rediss://s3cret user@host', /names nobody who signs in/],
    ['rediss://:s3cret@host', /has a password/],
    ['rediss://user:s3cret@host', /has a password/],
    ['redis://s3cret-user@host', /must begin with rediss/],
    ['redis://s3cret-user@127.0.0.1.example', /must begin with rediss/],
    ['rediss+cluster://s3cret-user@host', /must be one address/],
    ['rediss+sentinel://s3cret-user@host/master', /must be one address/],
  ])('with Entra ID refuses %s', (url, message) => {
    expect(() => parseRedisUrl(url, true)).toThrow(message)
    expect(() => parseRedisUrl(url, true)).toThrow(/^(?!.*s3cret).*$/)
  })
})
