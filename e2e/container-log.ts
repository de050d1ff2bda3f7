// The log files of one container, laid out, written and rotated like containerd with kubelet, or like
// Docker:
//
//   containerd   pods/<namespace>_<pod>_<uid>/<container>/<n>.log            lines in CRI format
//                containers/<pod>_<namespace>_<container>-<id>.log        -> pods/...
//   Docker       docker/containers/<id>/<id>-json.log                        one JSON object per line
//                pods/<namespace>_<pod>_<uid>/<container>/<n>.log         -> docker/containers/...
//                containers/<pod>_<namespace>_<container>-<id>.log        -> pods/...

import {
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { makeLine } from './log-lines.ts'

export type Runtime = 'containerd' | 'docker'

/** Describes a container and how its files are rotated. */
export interface ContainerOptions {
  /** Directory that contains `pods`, `containers` and `docker`. */
  readonly rootDir: string
  readonly runtime: Runtime
  /** Name of the container in the lines. */
  readonly name: string
  readonly namespace: string
  readonly pod: string
  readonly container: string
  /** `gzip` compresses the older rotated files, as kubelet always does and Docker on request. */
  readonly rotation: 'rename' | 'rename-gzip' | 'copytruncate'
}

/** Longest part of a line that containerd and Docker write. */
const partBytesMax = 16_384

/** A container that writes numbered lines. */
export class ContainerLog {
  readonly options: ContainerOptions
  #restart = 0
  #number = 0
  #fd = -1
  /** The current file, behind any links. */
  #path = ''
  #linkPaths: string[] = []
  /** Bytes that a torn write left for the next one. */
  #torn: Buffer | undefined
  #lastNs = 0n
  #oldFd: number | undefined

  constructor(options: ContainerOptions) {
    this.options = options
    this.#open()
  }

  /** Name of the current file in its lines: the container and how often it has been restarted. */
  get file(): string {
    return `${this.options.name}r${this.#restart}`
  }

  /** Number of the last line. Lines count from 1. */
  get lastNumber(): number {
    return this.#number
  }

  get sizeBytes(): number {
    return statSync(this.#path).size
  }

  /** Writes the next lines, about `bytes` of them. A torn write holds back the end of the last. */
  write(bytes: number, isTorn: boolean): number {
    const chunks: Buffer[] = []
    let total = 0
    while (total < bytes) {
      this.#number++
      const chunk = this.#format(makeLine({ file: this.file, number: this.#number }))
      chunks.push(chunk)
      total += chunk.length
    }
    const all = Buffer.concat(chunks)
    this.flush()
    const now = isTorn ? all.length - Math.ceil(chunks.at(-1)!.length / 2) : all.length
    this.#append(all.subarray(0, now))
    if (isTorn) this.#torn = all.subarray(now)
    return total
  }

  /** Writes what a torn write held back. */
  flush(): void {
    const torn = this.#torn
    this.#torn = undefined
    if (torn) this.#append(torn)
  }

  #append(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at)
  }

  /**
   * Moves the file away like kubelet or Docker. The runtime continues to write to the moved file
   * until `reopen()`. Until then, containerd's path does not exist.
   */
  rename(): void {
    this.flush()
    const { runtime, rotation } = this.options
    if (runtime === 'containerd') this.#renameAsKubelet()
    else this.#renameAsDocker(rotation === 'rename-gzip')
    this.#oldFd = this.#fd
  }

  /** Creates the new file and writes to it from now on. */
  reopen(): void {
    if (this.#oldFd === undefined) return
    this.flush()
    closeSync(this.#oldFd)
    this.#oldFd = undefined
    this.#fd = openSync(this.#path, 'a')
  }

  /** Compresses older rotated files to .gz and adds the time to the current file's name. */
  #renameAsKubelet(): void {
    const dir = dirname(this.#path)
    const prefix = `${basename(this.#path)}.`
    for (const name of readdirSync(dir)) {
      if (!name.startsWith(prefix) || name.endsWith('.gz') || name.endsWith('.tmp')) continue
      const path = join(dir, name)
      compress(path, `${path}.gz`)
    }
    const stamp = new Date().toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-')
    const rotated = `${this.#path}.${stamp}`
    // The names have whole seconds, and kubelet's own rotations are further apart.
    if (existsSync(rotated) || existsSync(`${rotated}.gz`)) return
    renameSync(this.#path, rotated)
  }

  /** Renames .1 to .2 and so on, and the current file to .1. */
  #renameAsDocker(isGzip: boolean): void {
    const suffix = isGzip ? '.gz' : ''
    let count = 0
    while (existsSync(`${this.#path}.${count + 1}${suffix}`)) count++
    for (let i = count; i > 0; i--) {
      renameSync(`${this.#path}.${i}${suffix}`, `${this.#path}.${i + 1}${suffix}`)
    }
    renameSync(this.#path, `${this.#path}.1`)
    // Docker closes the file before compressing it, so nothing may follow.
    if (isGzip) {
      closeSync(this.#fd)
      compress(`${this.#path}.1`, `${this.#path}.1.gz`)
      this.#fd = openSync(this.#path, 'a')
      this.#oldFd = undefined
    }
  }

  /** Copies the file and empties it in place, like logrotate's copytruncate. */
  copyTruncate(): void {
    this.flush()
    copyFileSync(this.#path, `${this.#path}.1`)
    ftruncateSync(this.#fd, 0)
  }

  /** Ends this run of the container and starts the next one with a new file. */
  restart(): void {
    this.close()
    this.#restart++
    this.#number = 0
    this.#open()
  }

  /** Closes the file but keeps it. */
  close(): void {
    this.flush()
    if (this.#oldFd !== undefined) this.reopen()
    if (this.#fd >= 0) closeSync(this.#fd)
    this.#fd = -1
  }

  /** Removes the pod's directory and links, as kubelet does for a deleted pod. */
  remove(): void {
    this.close()
    for (const path of this.#linkPaths) rmSync(path, { force: true })
    rmSync(this.#podDir(), { recursive: true, force: true })
    if (this.options.runtime === 'docker') {
      rmSync(dirname(this.#path), { recursive: true, force: true })
    }
  }

  #podDir(): string {
    const { rootDir, namespace, pod, name } = this.options
    return join(rootDir, 'pods', `${namespace}_${pod}_uid-${name}`)
  }

  #open(): void {
    const { rootDir, runtime, namespace, pod, container, name } = this.options
    const id = Buffer.from(`${name}-${this.#restart}`).toString('hex').padEnd(64, '0').slice(0, 64)
    const podPath = join(this.#podDir(), container, `${this.#restart}.log`)
    const link = join(rootDir, 'containers', `${pod}_${namespace}_${container}-${id}.log`)
    this.#path =
      runtime === 'containerd'
        ? podPath
        : join(rootDir, 'docker', 'containers', id, `${id}-json.log`)
    for (const path of [this.#path, podPath, link]) mkdirSync(dirname(path), { recursive: true })
    this.#fd = openSync(this.#path, 'a')
    if (podPath !== this.#path) symlinkSync(this.#path, podPath)
    symlinkSync(podPath, link)
    this.#linkPaths = [link, ...(podPath === this.#path ? [] : [podPath])]
  }

  /** Returns a time in nanoseconds that never repeats within the container. */
  #nextTime(): string {
    const nowNs = BigInt(Date.now()) * 1_000_000n
    this.#lastNs = nowNs > this.#lastNs ? nowNs : this.#lastNs + 1_001n
    const seconds = new Date(Number(this.#lastNs / 1_000_000_000n) * 1000)
      .toISOString()
      .slice(0, 19)
    const fraction = (this.#lastNs % 1_000_000_000n).toString().padStart(9, '0')
    // Go omits trailing zeros of a fraction.
    const trimmed = fraction.replace(/0+$/, '')
    return trimmed ? `${seconds}.${trimmed}Z` : `${seconds}Z`
  }

  #format(line: string): Buffer {
    const stream = this.#number % 10 === 0 ? 'stderr' : 'stdout'
    if (this.options.runtime === 'docker') {
      return Buffer.from(
        `${JSON.stringify({ log: `${line}\n`, stream, time: this.#nextTime() })}\n`,
      )
    }
    const bytes = Buffer.from(line)
    if (bytes.length <= partBytesMax) {
      return Buffer.from(`${this.#nextTime()} ${stream} F ${line}\n`)
    }
    const parts: Buffer[] = []
    for (let at = 0; at < bytes.length; at += partBytesMax) {
      const tag = at + partBytesMax < bytes.length ? 'P' : 'F'
      parts.push(
        Buffer.from(`${this.#nextTime()} ${stream} ${tag} `),
        bytes.subarray(at, at + partBytesMax),
        Buffer.from('\n'),
      )
    }
    return Buffer.concat(parts)
  }
}

function compress(source: string, target: string): void {
  writeFileSync(`${target}.tmp`, gzipSync(readFileSync(source), { level: 1 }))
  renameSync(`${target}.tmp`, target)
  rmSync(source)
}
