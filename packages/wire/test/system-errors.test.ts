import { test } from 'tap'
import { explainSystemError } from '../src/index.ts'

const waysOut = { port: '-port=PORT', path: '-path=DIRECTORY' }

test('explainSystemError says what failed, why, and what to do', async t => {
  const f = (error: object, want: string | undefined) =>
    t.equal(explainSystemError(error, waysOut), want)
  const listen = { syscall: 'listen', port: 3100, address: '127.0.0.1' }
  f(
    { ...listen, code: 'EADDRINUSE' },
    'Cannot listen on 127.0.0.1:3100: another program has the port. Stop it, or use another port: -port=PORT',
  )
  f(
    { ...listen, code: 'EADDRINUSE', configKey: 'receivers.syslog[0].listen_address' },
    'Cannot listen on 127.0.0.1:3100: another program has the port. Stop it, or use another port: receivers.syslog[0].listen_address in the configuration',
  )
  f(
    { ...listen, code: 'EACCES', address: '::', port: 80 },
    'Cannot listen on [::]:80: permission denied. Use a port above 1023: -port=PORT',
  )
  f(
    { ...listen, code: 'EADDRNOTAVAIL' },
    'Cannot listen on 127.0.0.1:3100: this machine does not have that address',
  )
  f(
    { code: 'EROFS', syscall: 'mkdir', path: '/data' },
    'Cannot make the directory /data: the file system is read-only. Choose a place that this user can write: -path=DIRECTORY',
  )
  f({ code: 'EIO', syscall: 'open', path: '/data' }, undefined)
  f({ ...listen, code: 'EMFILE' }, undefined)
  f(new Error('ours'), undefined)
  t.equal(
    explainSystemError({ code: 'EACCES', syscall: 'open', path: '/a' }),
    'Cannot open /a: permission denied',
  )
})
