// A way to a server whose answers a test can keep back: requests arrive and are carried out, and the client does not
// learn of it.

import { connect, createServer, type Server, type Socket } from 'node:net'
import type { TestScope } from './harness.ts'
import { loopbackHost } from './skald-process.ts'

/** What becomes of the answers to requests that begin with a text. */
export type AnswerFate = 'pass' | 'keep' | 'cut'

/** A gate in front of a server. */
export class AnswerGate {
  readonly url: string
  /** The next request whose first line contains this text has the fate below. */
  watched = ''
  fate: AnswerFate = 'pass'
  /** Watched requests so far. */
  count = 0
  readonly #sockets = new Set<Socket>()

  constructor(server: Server, target: URL) {
    const { port } = server.address() as { port: number }
    this.url = `http://${loopbackHost}:${port}`
    server.on('connection', client => this.#join(client, target))
  }

  #join(client: Socket, target: URL): void {
    const server = connect(Number(target.port), target.hostname)
    let fate: AnswerFate = 'pass'
    client.on('data', data => {
      const text = data.toString('latin1', 0, 200)
      if (this.watched !== '' && text.includes(this.watched)) {
        this.count++
        fate = this.fate
      }
      server.write(data)
    })
    server.on('data', data => {
      // The server wants the body of a request before it answers.
      const isInterim = data.toString('latin1', 0, 12).includes(' 100')
      if (fate === 'pass' || isInterim) client.write(data)
      else if (fate === 'cut') client.destroy()
    })
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
    }
  }

  /** Ends all connections. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** Opens a gate in front of a server. It closes with the test. */
export async function openAnswerGate(t: TestScope, targetUrl: string): Promise<AnswerGate> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, loopbackHost, resolve))
  const gate = new AnswerGate(server, new URL(targetUrl))
  t.teardown(() => {
    server.close()
    gate.cutAll()
  })
  return gate
}
