// A PostgreSQL for tests: a cluster in a temporary directory, run by a user without rights, on loopback only.
// Tests that need it skip where it is missing.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { reservePort } from './ports.ts'

/** The part of a tap test that the server needs. */
interface TestScope {
  teardown(close: () => unknown): void
}

/** Where Debian puts the programs of a version. */
const debianDir = '/usr/lib/postgresql'

/** Returns the directory of the programs, or `undefined` if PostgreSQL is not installed. */
function findPrograms(): string | undefined {
  const versions = existsSync(debianDir) ? readdirSync(debianDir) : []
  const dirs = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...versions.map(version => join(debianDir, version, 'bin')),
  ]
  return dirs.find(dir => existsSync(join(dir, 'initdb')) && existsSync(join(dir, 'postgres')))
}

/** Why tests with PostgreSQL are skipped; false if they are not. */
export const noPostgres: string | false = findPrograms()
  ? false
  : 'PostgreSQL 15 or newer is not installed: apt-get install postgresql'

/** The user of the database. */
export const postgresUser = { name: 'skald', password: 'a-password-of-the-test' } as const

/** PostgreSQL refuses to run as root. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string) =>
    Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout)
  return { uid: id('-u'), gid: id('-g') }
}

/** A cluster with one database. */
export class PostgresServer {
  readonly port: number
  readonly #dir: string
  readonly #programs = findPrograms()!
  readonly #user = unprivileged()
  #process: ChildProcess | undefined

  constructor(dir: string, port: number) {
    this.#dir = dir
    this.port = port
  }

  /** Process of the running server. Those of its connections are children of it. */
  get pid(): number {
    return this.#process!.pid!
  }

  /** URL of the database, with the password. */
  get url(): string {
    const { name, password } = postgresUser
    return `postgres://${name}:${password}@127.0.0.1:${this.port}/postgres`
  }

  /** The same without the password. */
  get openUrl(): string {
    return `postgres://${postgresUser.name}@127.0.0.1:${this.port}/postgres`
  }

  /** Creates the cluster. */
  create(): void {
    const passwordFile = join(this.#dir, 'password')
    writeFileSync(passwordFile, postgresUser.password, { mode: 0o600 })
    this.#give(this.#dir)
    this.#give(passwordFile)
    const args = ['-D', this.#data, '-U', postgresUser.name, '-A', 'scram-sha-256']
    const more = [`--pwfile=${passwordFile}`, '--no-sync', '--locale=C', '-E', 'UTF8']
    const result = spawnSync(join(this.#programs, 'initdb'), [...args, ...more], {
      ...this.#user,
      encoding: 'utf8',
    })
    if (result.status !== 0) throw new Error(`initdb failed: ${result.stdout}${result.stderr}`)
  }

  /** Lets the server speak TLS with a certificate. */
  useTls({ key, cert }: { readonly key: string; readonly cert: string }): void {
    for (const [name, path] of [['server.key', key] as const, ['server.crt', cert] as const]) {
      const target = join(this.#data, name)
      cpSync(path, target)
      chmodSync(target, 0o600)
      this.#give(target)
    }
    writeFileSync(join(this.#data, 'postgresql.auto.conf'), 'ssl = on\n')
  }

  /** Starts the server, and waits until it answers. */
  async start(): Promise<void> {
    const settings = ['listen_addresses=127.0.0.1', `port=${this.port}`, 'unix_socket_directories=']
    // A killed server loses nothing without syncs, only a machine does.
    const faster = ['fsync=off', 'max_connections=50', 'shared_buffers=16MB']
    this.#process = spawn(
      join(this.#programs, 'postgres'),
      ['-D', this.#data, ...[...settings, ...faster].flatMap(setting => ['-c', setting])],
      { ...this.#user, stdio: ['ignore', 'ignore', 'pipe'] },
    )
    let output = ''
    this.#process.stderr!.on('data', (text: Buffer) => {
      output += text.toString()
    })
    const ready = /ready to accept connections/
    for (let tries = 0; tries < 1500; tries++) {
      if (ready.test(output)) return
      if (this.#process.exitCode !== null) break
      await sleep(20)
    }
    throw new Error(`PostgreSQL does not start:\n${output.slice(-4000)}`)
  }

  /** Ends the server. `immediate`: like a crash; otherwise clients are told. */
  async stop({ isImmediate = false } = {}): Promise<void> {
    const running = this.#process
    this.#process = undefined
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const ended = new Promise(resolve => running.once('exit', resolve))
    running.kill(isImmediate ? 'SIGQUIT' : 'SIGINT')
    await ended
  }

  /** Stops the server for a moment and copies its files, as a backup or a standby would have them. */
  async keep(): Promise<void> {
    await this.stop()
    rmSync(this.#kept, { recursive: true, force: true })
    copyTree(this.#data, this.#kept)
    await this.start()
  }

  /** Puts the copy in the place of the files: everything since is lost. */
  async goBack(): Promise<void> {
    await this.stop({ isImmediate: true })
    rmSync(this.#data, { recursive: true })
    copyTree(this.#kept, this.#data)
    await this.start()
  }

  /** Begins with an empty cluster on the same port. */
  async startOver(): Promise<void> {
    await this.stop({ isImmediate: true })
    rmSync(this.#data, { recursive: true })
    this.create()
    await this.start()
  }

  /** Runs SQL, and returns the first value of its last statement as a text; empty if there is none. */
  async sql(text: string): Promise<string> {
    const client = new pg.Client({ connectionString: this.url })
    await client.connect()
    try {
      const result = (await client.query({ text, rowMode: 'array' })) as unknown
      const last = (Array.isArray(result) ? result.at(-1) : result) as { rows: unknown[][] }
      return String(last.rows[0]?.[0] ?? '')
    } finally {
      await client.end()
    }
  }

  get #data(): string {
    return join(this.#dir, 'data')
  }

  get #kept(): string {
    return join(this.#dir, 'kept')
  }

  #give(path: string): void {
    if (this.#user) chownSync(path, this.#user.uid, this.#user.gid)
  }
}

/** Copies a directory with its owners and modes. */
function copyTree(from: string, to: string): void {
  const result = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`cannot copy ${from}: ${result.stderr}`)
}

/** Creates a cluster that is removed after the test. Starts it unless told otherwise. */
export async function createPostgres(
  t: TestScope,
  { isStarted = true } = {},
): Promise<PostgresServer> {
  // Its user may not be allowed to enter the directory of the test.
  const dir = mkdtempSync(join(tmpdir(), 'skald-postgres-'))
  chmodSync(dir, 0o755)
  const server = new PostgresServer(dir, await reservePort())
  t.teardown(async () => {
    await server.stop({ isImmediate: true })
    rmSync(dir, { recursive: true, force: true })
  })
  server.create()
  if (isStarted) await server.start()
  return server
}
