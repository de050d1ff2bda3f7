import { once } from 'node:events'
import { connect } from 'node:net'
import { type Test, test } from 'tap'
import { type ListenerOptions, openListener } from '../../src/http/listener.ts'

async function open(t: Test, options: Partial<ListenerOptions>) {
  const listener = await openListener({
    ...{ host: '127.0.0.1', port: 0, headPauseMs: 30_000, idleMs: 30_000, connectionsMax: 0 },
    mayUpgrade: () => false,
    ...options,
  })
  t.teardown(() => listener.close())
  const port = Number(new URL(listener.url).port)
  return async () => {
    const socket = connect({ host: '127.0.0.1', port })
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    socket.on('error', () => {})
    return socket
  }
}

test('Listener limits the number of connections, and accepts another one when one has closed', async t => {
  const dial = await open(t, { connectionsMax: 1 })
  /** Returns the beginning of an answer, or undefined if the connection ends without one. */
  const ask = async (socket: Awaited<ReturnType<typeof dial>>) => {
    socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n')
    const answered = once(socket, 'data').then(([data]) => String(data))
    return Promise.race([answered, once(socket, 'close').then(() => undefined)])
  }
  const first = await dial()
  t.match(await ask(first), /^HTTP\/1\.1 503 /)
  t.equal(await ask(await dial()), undefined)
  first.destroy()
  // The server notices the free slot a little later.
  let answer: string | undefined
  while (answer === undefined) answer = await ask(await dial())
  t.match(answer, /^HTTP\/1\.1 503 /)
})

test('Listener closes an idle connection', async t => {
  const dial = await open(t, { idleMs: 100 })
  const socket = await dial()
  socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(socket, 'data')
  await once(socket, 'close')
  t.pass()
})

test('Listener closes a connection whose request never ends', async t => {
  const dial = await open(t, { headPauseMs: 100 })
  const socket = await dial()
  socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n')
  const [answer] = await once(socket, 'data')
  t.match(String(answer), /^HTTP\/1\.1 408 /)
})
