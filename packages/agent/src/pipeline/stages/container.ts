// The container stage, Skald's own: detects for each line whether it is in CRI format or in Docker's
// json-file format, and reads it. Joins the parts of long lines and removes the line feed that Docker
// keeps.

import { partialLinesMax } from '../../limits.ts'
import { CriLine } from '../cri-line.ts'
import { DockerLine } from '../docker-line.ts'
import { readDockerRecord } from '../docker-record.ts'
import { splitTimestamp } from '../pipeline.ts'
import { RuntimeLine } from '../runtime-line.ts'
import type { StageDefinition } from '../stage.ts'
import { CriStage } from './cri.ts'

export const containerStage: StageDefinition = {
  read(body) {
    body.record({})
    return context =>
      new CriStage({ partialLinesMax, truncateBytes: 0 }, new ContainerLine(), context.nowMs)
  },
}

/** Reads lines of either runtime. */
class ContainerLine extends RuntimeLine {
  readonly #cri = new CriLine()
  readonly #docker = new DockerLine()

  get timeText(): string {
    return this.#cri.timeText
  }

  get flagsText(): string {
    return this.isPartial ? 'P' : 'F'
  }

  read(bytes: Buffer, start: number, end: number): boolean {
    if (bytes[start] === 0x7b) {
      if (this.#docker.read(bytes, start, end)) this.#take(this.#docker)
      else if (!this.#takeOdd(bytes.subarray(start, end))) return false
      this.hasTime = true
      // A record without a line feed is a part: Docker splits lines at 16 KiB.
      this.isPartial =
        this.contentEnd === this.contentStart || this.content[this.contentEnd - 1] !== 0x0a
      if (!this.isPartial) this.contentEnd--
      return true
    }
    if (!this.#cri.read(bytes, start, end)) return false
    this.#take(this.#cri)
    this.hasTime = this.#cri.hasTime
    this.isPartial = this.#cri.isPartial
    return true
  }

  /** Reads records with other keys, such as `attrs`, or another order. */
  #takeOdd(bytes: Buffer): boolean {
    const record = readDockerRecord(bytes)
    if (!record) return false
    Object.assign(this, splitTimestamp(record.timestampNs))
    this.stream = record.stream
    this.content = record.bytes
    this.contentStart = 0
    this.contentEnd = record.bytes.length
    return true
  }

  #take(line: CriLine | DockerLine): void {
    this.seconds = line.seconds
    this.nanos = line.nanos
    this.stream = line.stream
    this.content = line.content
    this.contentStart = line.contentStart
    this.contentEnd = line.contentEnd
  }
}
