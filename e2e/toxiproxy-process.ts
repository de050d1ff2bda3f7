// A server of TCP proxies for tests: toxiproxy, which delays, cuts and swallows what passes through a proxy. Tests that
// need it skip where it is missing.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findCiProgram } from './ci-programs.ts'
import type { TestScope } from './harness.ts'
import { loopbackHost, reservePort, type SkaldProcess, spawnProgram } from './skald-process.ts'

/** Why tests with proxies are skipped; false if they are not. */
export const noProxies: string | false = findCiProgram('toxiproxy')
  ? false
  : 'toxiproxy is not on the PATH: build e2e/fixtures/toxiproxy with Go'

/** What is done to the bytes of one direction. */
export interface Toxic {
  readonly type: 'latency' | 'timeout' | 'reset_peer' | 'limit_data'
  /** `upstream`: towards the server. */
  readonly stream: 'upstream' | 'downstream'
  readonly attributes: Readonly<Record<string, number>>
}

/** One proxy. */
export class TestProxy {
  readonly name: string
  readonly port: number
  readonly #api: string

  constructor(name: string, port: number, api: string) {
    this.name = name
    this.port = port
    this.#api = api
  }

  /** Where clients reach it. */
  get host(): string {
    return `${loopbackHost}:${this.port}`
  }

  /** Spoils one direction of all connections, old and new. */
  async spoil(toxic: Toxic): Promise<void> {
    await ask(`${this.#api}/proxies/${this.name}/toxics`, { name: 'fault', ...toxic })
  }

  /** Ends what `spoil` began. Connections that it held end too. */
  async heal(): Promise<void> {
    await ask(`${this.#api}/proxies/${this.name}/toxics/fault`, undefined, 'DELETE')
  }

  /** Cuts all connections, and refuses new ones until told otherwise. */
  async setOpen(isOpen: boolean): Promise<void> {
    await ask(`${this.#api}/proxies/${this.name}`, { enabled: isOpen })
  }
}

async function ask(url: string, body?: unknown, method = 'POST'): Promise<void> {
  const answer = await fetch(url, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`toxiproxy answers ${answer.status} to ${url}: ${text}`)
}

/** The server of a test. */
export class TestProxies {
  readonly #api: string

  constructor(api: string) {
    this.#api = api
  }

  /** Opens a proxy in front of a server, such as `127.0.0.1:5432`. */
  async open(name: string, upstream: string): Promise<TestProxy> {
    const port = await reservePort()
    await ask(`${this.#api}/proxies`, { name, upstream, listen: `${loopbackHost}:${port}` })
    return new TestProxy(name, port, this.#api)
  }
}

/** Starts a server that ends with the test. */
export async function startProxies(t: TestScope, dir: string): Promise<TestProxies> {
  const port = await reservePort()
  const api = `http://${loopbackHost}:${port}`
  const server: SkaldProcess = spawnProgram(findCiProgram('toxiproxy')!, {
    args: [loopbackHost, String(port)],
    outputFile: join(dir, 'toxiproxy.log'),
  })
  t.teardown(() => server.end('SIGTERM'))
  for (let tries = 0; tries < 500; tries++) {
    const isThere = await fetch(`${api}/version`).then(
      () => true,
      () => false,
    )
    if (isThere) return new TestProxies(api)
    await sleep(20)
  }
  throw new Error(`toxiproxy does not answer:\n${server.output()}`)
}
