// A real Prometheus that takes remote writes, and a real Alertmanager, from Debian's packages. Both keep their data
// across restarts.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  loopbackHost,
  reservePort,
  type SkaldProcess,
  spawnProgram,
  waitUntilReady,
} from './skald-process.ts'

const prometheus = '/usr/bin/prometheus'
const alertmanager = '/usr/bin/prometheus-alertmanager'
const missing = [prometheus, alertmanager].filter(path => !existsSync(path))

/** Reason to skip tests without these programs. */
export const skipAlertServers =
  missing.length === 0 ? false : 'no prometheus and prometheus-alertmanager (Debian packages)'

/** A server that can be killed and started again. */
export class AlertServer {
  readonly url: string
  readonly #command: string
  readonly #args: readonly string[]
  readonly #outputFile: string
  #process: SkaldProcess | undefined

  constructor(command: string, url: string, args: readonly string[], outputFile: string) {
    this.#command = command
    this.url = url
    this.#args = args
    this.#outputFile = outputFile
  }

  async start(): Promise<void> {
    const options = { args: this.#args, outputFile: this.#outputFile }
    this.#process = spawnProgram(this.#command, options)
    await waitUntilReady(this.#process, `${this.url}/-/ready`, 30_000)
  }

  async kill(): Promise<void> {
    const running = this.#process
    this.#process = undefined
    await running?.end('SIGKILL')
  }

  /** Asks the server, and returns its JSON. */
  async ask<T>(path: string, init?: RequestInit): Promise<T> {
    const answer = await fetch(this.url + path, init)
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as T
  }
}

/** Prepares a Prometheus that scrapes nothing. */
export async function createPrometheus(dir: string): Promise<AlertServer> {
  const port = await reservePort()
  const home = join(dir, 'prometheus')
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, 'prometheus.yml'), 'global: {}\n')
  const args = [
    `--config.file=${join(home, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(home, 'data')}`,
    `--web.listen-address=${loopbackHost}:${port}`,
    '--web.enable-remote-write-receiver',
    '--log.level=warn',
  ]
  return new AlertServer(prometheus, `http://${loopbackHost}:${port}`, args, join(home, 'log'))
}

/** Prepares an Alertmanager that tells nobody. */
export async function createAlertmanager(dir: string): Promise<AlertServer> {
  const port = await reservePort()
  const home = join(dir, 'alertmanager')
  mkdirSync(home, { recursive: true })
  writeFileSync(
    join(home, 'alertmanager.yml'),
    'route: {receiver: none, group_wait: 100ms, group_interval: 200ms}\nreceivers: [{name: none}]\n',
  )
  const args = [
    `--config.file=${join(home, 'alertmanager.yml')}`,
    `--storage.path=${join(home, 'data')}`,
    `--web.listen-address=${loopbackHost}:${port}`,
    '--cluster.listen-address=',
    '--log.level=warn',
  ]
  return new AlertServer(alertmanager, `http://${loopbackHost}:${port}`, args, join(home, 'log'))
}
