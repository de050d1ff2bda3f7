// Writes containers' logs in bursts and rotates them by rename. Actions that could lose lines for
// any reader (copytruncate, removal) happen only when the test requests them.

import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../bench/random.ts'
import { ContainerLog, type ContainerOptions } from './container-log.ts'

/** Describes what to write. */
export interface WriterOptions {
  readonly rootDir: string
  readonly seed: number
  readonly megabytes: number
}

/** An action on a container, identified by the name the writer gave it. */
export interface ContainerCommand {
  readonly kind: 'pause' | 'resume' | 'truncate' | 'restart' | 'replace' | 'remove'
  readonly container: string
}

/**
 * Commands from the test to the writer. `begin` starts the first burst; the empty files exist
 * before it. After `end`, all files are closed and nothing more is done.
 */
export type WriterCommand = ContainerCommand | { readonly kind: 'begin' } | { readonly kind: 'end' }

/** Events from the writer to the test. */
export type WriterEvent =
  /** The command is done. All lines of `file` up to `lastNumber` are written. */
  | {
      readonly kind: 'did'
      readonly command: ContainerCommand
      readonly file: string
      readonly lastNumber: number
      readonly successor?: string
    }
  /** All bytes are written. Commands still work. */
  | { readonly kind: 'written'; readonly bytes: number }
  | { readonly kind: 'ended'; readonly lastNumbers: Readonly<Record<string, number>> }

const burstBytesPerSecond = 20e6
const burstMs = 500
const pauseMsMin = 1200
const pauseMsMax = 2200
const sliceMs = 20
const rotateBytes = 1_200_000
/** Kubelet names rotated files by the second. */
const rotateGapMs = 1_100

interface Slot {
  log: ContainerLog
  isPaused: boolean
  rotatedMs: number
}

/** Writes the logs of all containers and executes the test's commands. */
export class LogWriter {
  readonly #options: WriterOptions
  readonly #random: Random
  readonly #slots: Slot[]
  readonly #finished = new Map<string, ContainerLog>()
  readonly #lastNumbers: Record<string, number> = {}
  #generation = 0

  constructor(options: WriterOptions) {
    this.#options = options
    this.#random = new Random(options.seed)
    this.#slots = listContainers(options.rootDir).map(container => ({
      log: new ContainerLog(container),
      isPaused: false,
      rotatedMs: 0,
    }))
  }

  /** Writes everything, burst by burst. */
  async run(): Promise<WriterEvent> {
    const totalBytes = this.#options.megabytes * 1e6
    let bytes = 0
    while (bytes < totalBytes) {
      const burstEndMs = performance.now() + burstMs
      while (performance.now() < burstEndMs && bytes < totalBytes) {
        const sliceStartMs = performance.now()
        bytes += this.#writeSlice((burstBytesPerSecond * sliceMs) / 1000)
        await sleep(Math.max(0, sliceMs - (performance.now() - sliceStartMs)))
      }
      for (const { log } of this.#slots) log.flush()
      await sleep(this.#random.between(pauseMsMin, pauseMsMax))
    }
    return { kind: 'written', bytes }
  }

  #writeSlice(sliceBytes: number): number {
    let bytes = 0
    while (bytes < sliceBytes) {
      const slot = this.#random.pick(this.#slots)
      if (slot.isPaused) continue
      bytes += slot.log.write(sliceBytes / 4, this.#random.chance(0.1))
      this.#rotateWhenLarge(slot)
    }
    return bytes
  }

  #rotateWhenLarge(slot: Slot): void {
    const nowMs = performance.now()
    const { log } = slot
    if (log.options.rotation === 'copytruncate' || nowMs - slot.rotatedMs < rotateGapMs) return
    if (log.sizeBytes < rotateBytes) return
    slot.rotatedMs = nowMs
    log.rename()
    // The runtime reopens a little later and writes to the moved file until then.
    setTimeout(() => log.reopen(), this.#random.between(5, 300))
  }

  #remember(log: ContainerLog): void {
    this.#lastNumbers[log.file] = log.lastNumber
  }

  /** Closes all files. Returns the last number of each. */
  end(): WriterEvent {
    for (const { log } of this.#slots) {
      log.close()
      this.#remember(log)
    }
    return { kind: 'ended', lastNumbers: this.#lastNumbers }
  }

  /** Executes a command. Returns how far the file had been written when the command arrived. */
  obey(command: ContainerCommand): WriterEvent {
    const { kind, container } = command
    const slot = this.#slots.find(({ log }) => log.options.name === container)
    const log = slot?.log ?? this.#finished.get(container)
    if (!log) throw new Error(`There is no container ${container}`)
    log.flush()
    const did = { kind: 'did', command, file: log.file, lastNumber: log.lastNumber } as const
    let successor: ContainerOptions | undefined
    switch (kind) {
      case 'pause':
        if (slot) slot.isPaused = true
        break
      case 'resume':
        if (slot) slot.isPaused = false
        break
      case 'truncate':
        log.copyTruncate()
        if (slot) slot.isPaused = false
        break
      case 'restart':
        this.#remember(log)
        log.restart()
        break
      case 'replace':
        log.close()
        this.#remember(log)
        this.#finished.set(container, log)
        successor = this.#successor(log.options)
        if (slot) slot.log = new ContainerLog(successor)
        break
      case 'remove':
        log.remove()
        this.#finished.delete(container)
        break
    }
    return successor ? { ...did, successor: successor.name } : did
  }

  #successor(options: ContainerOptions): ContainerOptions {
    this.#generation++
    const base = options.name.split('-')[0]!
    const suffix = `-g${this.#generation}`
    return { ...options, name: `${base}${suffix}`, pod: `${base}-pod${suffix}` }
  }
}

/**
 * Returns containers of two runtimes with every kind of rotation, including one to restart and one
 * to replace for each.
 */
export function listContainers(rootDir: string): ContainerOptions[] {
  const container = (
    runtime: ContainerOptions['runtime'],
    name: string,
    rotation: ContainerOptions['rotation'],
  ): ContainerOptions => ({
    rootDir: `${rootDir}/${runtime}`,
    runtime,
    name,
    namespace: 'torture',
    pod: `${name}-pod`,
    container: 'main',
    rotation,
  })
  return [
    container('containerd', 'crirename', 'rename-gzip'),
    container('containerd', 'crirenametoo', 'rename-gzip'),
    container('containerd', 'critruncate', 'copytruncate'),
    container('containerd', 'crirestart', 'rename-gzip'),
    container('containerd', 'crireplace', 'rename-gzip'),
    container('docker', 'dockrename', 'rename'),
    container('docker', 'dockgzip', 'rename-gzip'),
    container('docker', 'docktruncate', 'copytruncate'),
    container('docker', 'dockrestart', 'rename'),
    container('docker', 'dockreplace', 'rename'),
  ]
}
