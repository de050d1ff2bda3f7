// Reads a container's log through Docker's API, if its file is not accessible. The position holds, for each
// of the two streams, the time of the last message that a server accepted, and how many messages had that
// time: the parts of a long line share one time, with lines of the other stream in between.

import type { IncomingMessage } from 'node:http'
import { nsPerSecond } from '@skald/go-dialect'
import { containerBackoff, containerIdleMs, containerLingerMs } from '../limits.ts'
import { LineOrigin } from '../line/line-origin.ts'
import { backoffMs } from '../net/backoff.ts'
import type { ContainerLines, ContainerStreamName } from '../pipeline/container-lines.ts'
import { readRfc3339 } from '../pipeline/rfc3339-bytes.ts'
import type { ContainerLog } from '../targets/file-target.ts'
import { DockerFrames, type DockerMessage } from './docker-frames.ts'
import type { Reader } from './read-scheduler.ts'
import type { ReadOutcome } from './tailed-file.ts'
import type { TailerContext } from './tailer.ts'

/** The last time in one stream, and how many messages had it. */
interface Mark {
  readonly timeNs: bigint
  readonly count: number
}

type Marks = Readonly<Record<ContainerStreamName, Mark>>

/** A message on its way. */
interface Sent extends Mark {
  readonly stream: ContainerStreamName
  readonly sequence: number
}

// The two streams' times may be out of order by less than this.
const disorderNs = nsPerSecond
const none: Mark = { timeNs: 0n, count: 0 }

/** Reads one container's log, as a Tailer reads a file. */
export class ContainerStream implements Reader {
  readonly path: string
  readonly #log: ContainerLog
  readonly #context: TailerContext
  readonly #openLines: (origin: LineOrigin) => ContainerLines
  readonly #origin: LineOrigin
  readonly #cursorKey: string
  readonly #abort = new AbortController()
  #lines: ContainerLines
  #frames: DockerFrames | undefined
  #response: IncomingMessage | undefined
  #state: 'new' | 'open' | 'waiting' | 'ended' = 'new'
  #isLeaving = false
  #isHalted = false
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  #sequence = 0
  /** Messages whose lines may not be accepted yet, oldest first. */
  #sent: Sent[] = []
  #received: Marks
  #settled: Marks
  /** Messages with the last received times, which a new connection delivers again. */
  #skips: Record<ContainerStreamName, number | undefined>
  #problem: string | undefined
  readonly isAlias = false
  readonly foundAt = undefined
  readonly mayChangeUnseen = true
  readonly sizeBytes = undefined

  constructor(
    path: string,
    context: TailerContext,
    options: {
      readonly log: ContainerLog
      readonly openLines: (origin: LineOrigin) => ContainerLines
      /** Name of the client the log is read for. Empty if there is one client. */
      readonly lane: string
    },
  ) {
    this.path = path
    this.#context = context
    this.#log = options.log
    this.#openLines = options.openLines
    // With one client, use Promtail's key.
    const { lane, log } = options
    this.#cursorKey = lane === '' ? `cursor-${log.id}` : `cursor-${lane}-${log.id}`
    this.#received = this.#savedMarks()
    this.#settled = this.#received
    this.#skips = { stdout: undefined, stderr: undefined }
    this.#origin = new LineOrigin({ name: path, readTime: () => latest(this.#received) })
    this.#origin.onProgress = () => this.#settle()
    this.#lines = this.#openLines(this.#origin)
  }

  /** Returns Promtail's position, in whole seconds, or our finer one if both agree. */
  #savedMarks(): Marks {
    const { known } = this.#context
    const saved = known.cursor(this.#cursorKey)
    const marks = parseMarks(known.cursor(`${this.#cursorKey}-exact`) ?? '')
    if (marks && String(latest(marks) / nsPerSecond) === saved) return marks
    const isWhole = saved !== undefined && /^\d+$/.test(saved)
    const mark = isWhole ? { timeNs: BigInt(saved) * nsPerSecond, count: 0 } : none
    return { stdout: mark, stderr: mark }
  }

  /** Returns the time to request the log from. Known messages come again and are skipped. */
  #since(): string {
    const last = latest(this.#received)
    if (last === 0n) return ''
    const pending = this.#lines.pendingTimeNs ?? last
    return formatTime((pending < last ? pending : last) - disorderNs)
  }

  get openCount(): number {
    return this.#state === 'open' ? 1 : 0
  }

  get readOffset(): number {
    return this.#sequence
  }

  get isDone(): boolean {
    return this.#isLeaving && this.#state === 'ended'
  }

  /** True if it reads only until the container's log ends. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  leave(): void {
    if (this.#isLeaving) return
    this.#isLeaving = true
    if (this.#state === 'open') this.#linger()
    else this.#end()
  }

  stay(): void {
    if (!this.#isLeaving) return
    this.#isLeaving = false
    if (this.#state === 'ended') this.#state = 'new'
  }

  /** Gives lines read from now on other labels. */
  renewConsumers(): void {
    this.#lines.finish()
    this.#lines = this.#openLines(this.#origin)
  }

  poll(): boolean {
    if (this.#state === 'new') void this.#connect()
    return false
  }

  async #connect(): Promise<void> {
    this.#state = 'waiting'
    const { signal } = this.#abort
    try {
      const response = await this.#log.follow(this.#since(), { signal, idleMs: containerIdleMs })
      const { stdout, stderr } = this.#received
      this.#skips = { stdout: stdout.count, stderr: stderr.count }
      this.#frames = new DockerFrames(this.#log.isTty)
      this.#response = response
      this.#state = 'open'
      response.on('readable', () => this.#context.scheduler.request(this))
      response.once('error', error => this.#disconnected(error.message))
      response.once('end', () => this.#disconnected(undefined))
    } catch (error) {
      this.#disconnected((error as Error).message)
    }
  }

  #disconnected(problem: string | undefined): void {
    if (this.#state === 'ended') return
    this.#response = undefined
    this.#report(problem)
    if (this.#isLeaving || this.#abort.signal.aborted) {
      this.#end()
      return
    }
    this.#state = 'waiting'
    const waitMs = backoffMs(containerBackoff, this.#failures++, { random: Math.random })
    this.#timer = setTimeout(() => void this.#connect(), waitMs)
  }

  #report(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#problem && !this.#abort.signal.aborted) {
      const fields = { container: this.#log.id, error: problem }
      this.#context.logger.warn(fields, 'Cannot read the log of a container, will try again')
    }
    this.#problem = problem
  }

  halt(): void {
    this.#isHalted = true
  }

  get isSettled(): boolean {
    return !this.#origin.hasUnsettled
  }

  async read(): Promise<ReadOutcome> {
    if (this.#isHalted) return 'end'
    const { mayGoOn, scheduler, pauseMs } = this.#context
    if (mayGoOn && !mayGoOn()) {
      setTimeout(() => scheduler.request(this), pauseMs()).unref()
      return 'paused'
    }
    const response = this.#response
    const chunk = response?.read() as Buffer | null | undefined
    if (!response || !chunk) return 'end'
    try {
      for (const message of this.#frames!.push(chunk)) this.#take(message)
    } catch (error) {
      response.destroy()
      this.#disconnected((error as Error).message)
      return 'end'
    }
    this.#failures = 0
    this.#settle()
    return 'more'
  }

  #take({ stream, bytes }: DockerMessage): void {
    const { time, start } = this.#readTime(bytes)
    if (this.#isKnown(stream, time)) return
    const { timeNs, count } = this.#received[stream]
    const mark = { timeNs: time, count: time === timeNs ? count + 1 : 1 }
    this.#received = { ...this.#received, [stream]: mark }
    const offset = this.#sequence++
    this.#sent.push({ ...mark, stream, sequence: offset })
    this.#lines.add({ stream, timestampNs: time, bytes: bytes.subarray(start), offset })
    this.#context.metrics.countLines(1)
  }

  #readTime(bytes: Buffer): { time: bigint; start: number } {
    const space = bytes.indexOf(0x20)
    const into = { seconds: 0, nanos: 0 }
    if (space > 0 && readRfc3339(bytes, 0, space, into)) {
      return { time: BigInt(into.seconds) * nsPerSecond + BigInt(into.nanos), start: space + 1 }
    }
    this.#context.countDamaged()
    return { time: BigInt(this.#context.wallMs()) * 1_000_000n, start: 0 }
  }

  /** Returns true if a message already came before the connection was lost. */
  #isKnown(stream: ContainerStreamName, time: bigint): boolean {
    const skips = this.#skips[stream]
    if (skips === undefined) return false
    const { timeNs } = this.#received[stream]
    if (time < timeNs) return true
    if (time === timeNs && skips > 0) {
      this.#skips[stream] = skips - 1
      return true
    }
    this.#skips[stream] = undefined
    return false
  }

  /** Records how far the server has accepted the lines. */
  #settle(): void {
    const settled = this.#origin.settledOffset(this.#sequence)
    let count = 0
    for (const { sequence, stream, ...mark } of this.#sent) {
      if (sequence >= settled) break
      count++
      this.#settled = { ...this.#settled, [stream]: mark }
    }
    if (count === 0) return
    this.#sent = this.#sent.slice(count)
    const { known } = this.#context
    known.setCursor(this.#cursorKey, String(latest(this.#settled) / nsPerSecond))
    known.setCursor(`${this.#cursorKey}-exact`, formatMarks(this.#settled))
  }

  /** Ends once nothing more has come for a while: if a log has a rest, it arrives at once. */
  #linger(): void {
    const before = this.#sequence
    this.#timer = setTimeout(() => {
      if (!this.#isLeaving || this.#state !== 'open') return
      if (this.#sequence > before || this.#response?.readableLength) this.#linger()
      else this.#end()
    }, containerLingerMs)
  }

  #end(): void {
    clearTimeout(this.#timer)
    this.#state = 'ended'
    this.#response?.destroy()
    this.#response = undefined
    this.#lines.finish()
    this.#context.finishOrigin(this.#origin)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#abort.abort()
    this.#state = 'ended'
    this.#response?.destroy()
  }
}

function latest({ stdout, stderr }: Marks): bigint {
  return stdout.timeNs > stderr.timeNs ? stdout.timeNs : stderr.timeNs
}

function formatTime(timeNs: bigint): string {
  return `${timeNs / nsPerSecond}.${String(timeNs % nsPerSecond).padStart(9, '0')}`
}

/** Formats time and count of stdout, then of stderr: `1795168800.000000001 1 0.000000000 0`. */
function formatMarks({ stdout, stderr }: Marks): string {
  return [stdout, stderr].map(({ timeNs, count }) => `${formatTime(timeNs)} ${count}`).join(' ')
}

function parseMarks(text: string): Marks | undefined {
  const match = /^(\d+)\.(\d{9}) (\d+) (\d+)\.(\d{9}) (\d+)$/.exec(text)
  if (!match) return undefined
  const numbers = match.slice(1).map(BigInt)
  const markAt = (at: number): Mark => ({
    timeNs: numbers[at]! * nsPerSecond + numbers[at + 1]!,
    count: Number(numbers[at + 2]),
  })
  return { stdout: markAt(0), stderr: markAt(3) }
}
