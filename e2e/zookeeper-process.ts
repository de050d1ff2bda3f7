// A real ZooKeeper as a separate process, and its command line for writing. Both are Java programs
// from Debian's package libzookeeper-java (or a classpath in ZOOKEEPER_CLASSPATH).

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import type { TestZookeeper } from '../packages/agent/test/discovery/zookeeper/zookeeper-server.ts'
import { loopbackHost, reservePort } from './skald-process.ts'

const jars = ['zookeeper', 'slf4j-simple'].map(name => `/usr/share/java/${name}.jar`)
const classpath =
  process.env.ZOOKEEPER_CLASSPATH || (jars.every(path => existsSync(path)) ? jars.join(':') : '')
const isThere = classpath !== '' && spawnSync('java', ['-version']).status === 0

/** Reason to skip tests without ZooKeeper. */
export const skipZookeeper = isThere ? false : 'no Java with a ZooKeeper (libzookeeper-java)'

const javaArgs = ['-Xmx64m', '-XX:TieredStopAtLevel=1', '-cp', classpath]

/** A server with its own data directory. */
export class ZookeeperProcess implements TestZookeeper {
  readonly #dir: string
  readonly #port: number
  /** Another port, for changing nodes unseen by the clients that follow them. */
  readonly #hiddenPort: number
  #process: ChildProcess | undefined
  readonly #paths = new Set<string>()

  constructor(dir: string, port: number, hiddenPort: number) {
    this.#dir = dir
    this.#port = port
    this.#hiddenPort = hiddenPort
  }

  get address(): string {
    return `${loopbackHost}:${this.#port}`
  }

  /** Everything logged so far. */
  get log(): string {
    return readFileSync(join(this.#dir, 'log'), 'utf8')
  }

  async start({ isHidden = false } = {}): Promise<void> {
    mkdirSync(this.#dir, { recursive: true })
    const config = join(this.#dir, 'zoo.cfg')
    const port = isHidden ? this.#hiddenPort : this.#port
    writeFileSync(
      config,
      `tickTime=200
dataDir=${this.#dir}/data
clientPortAddress=${loopbackHost}
clientPort=${port}
admin.enableServer=false
4lw.commands.whitelist=srvr,cons,dump
`,
    )
    const log = openSync(join(this.#dir, 'log'), 'a')
    const args = [...javaArgs, 'org.apache.zookeeper.server.ZooKeeperServerMain', config]
    this.#process = spawn('java', args, { stdio: ['ignore', log, log] })
    while (!(await this.#ask('srvr', port).catch(() => '')).includes('Mode:')) {
      if (this.#process.exitCode !== null) throw new Error(`ZooKeeper ended: ${this.log}`)
      await sleep(50)
    }
  }

  async kill(): Promise<void> {
    const { exitCode, signalCode } = this.#process ?? { exitCode: 0, signalCode: null }
    if (exitCode !== null || signalCode !== null) return
    this.#process!.kill('SIGKILL')
    await once(this.#process!, 'exit')
  }

  /** Returns the session of the only connected client. */
  async connectedSession(): Promise<string | undefined> {
    const connections = await this.#ask('cons', this.#port)
    const ids = [...connections.matchAll(/\bsid=(0x[0-9a-f]+)/g)].map(([, id]) => id)
    return ids.length === 1 ? ids[0] : undefined
  }

  /**
   * Returns true if a session is open. The session of a vanished client stays open until it
   * expires.
   */
  async hasSession(id: string): Promise<boolean> {
    return new RegExp(`\\b${id}\\b`).test(await this.#ask('dump', this.#port))
  }

  #ask(command: string, port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      let text = ''
      const socket = connect(port, loopbackHost, () => socket.write(command))
      socket.on('data', chunk => {
        text += chunk
      })
      // A server that is still starting may never answer.
      socket.setTimeout(2_000, () => socket.destroy(new Error(`no answer to ${command}`)))
      socket.on('error', reject)
      socket.on('close', () => resolve(text))
    })
  }

  async put(path: string, data: string, options?: { readonly isHidden: boolean }): Promise<void> {
    const command = this.#paths.has(path) ? 'set' : 'create'
    await this.#run([command, path, data], options)
    this.#paths.add(path)
  }

  async remove(path: string, options?: { readonly isHidden: boolean }): Promise<void> {
    await this.#run(['deleteall', path], options)
    for (const other of this.#paths)
      if (`${other}/`.startsWith(`${path}/`)) this.#paths.delete(other)
  }

  async #run(command: string[], { isHidden = false } = {}): Promise<void> {
    const server = `${loopbackHost}:${isHidden ? this.#hiddenPort : this.#port}`
    const args = [...javaArgs, 'org.apache.zookeeper.ZooKeeperMain', '-server', server, ...command]
    await promisify(execFile)('java', args)
  }
}

/** Starts a ZooKeeper that ends with the test. */
export async function startZookeeper(t: Test, dir: string): Promise<ZookeeperProcess> {
  const zookeeper = new ZookeeperProcess(dir, await reservePort(), await reservePort())
  t.teardown(() => zookeeper.kill())
  await zookeeper.start()
  return zookeeper
}
