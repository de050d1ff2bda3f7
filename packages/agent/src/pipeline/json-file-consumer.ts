// Reads the file of Docker's json-file driver as the container's lines. The stages do not see Docker's JSON
// around them.

import { nsPerSecond } from '@skald/go-dialect'
import type { ContainerLines } from './container-lines.ts'
import { DockerLine } from './docker-line.ts'
import { readDockerRecord } from './docker-record.ts'
import type { LineConsumer } from './pipeline.ts'

/** Takes the records of one file. */
export class JsonFileConsumer implements LineConsumer {
  readonly #lines: ContainerLines
  readonly #onDamage: () => void
  readonly #line = new DockerLine()

  constructor(lines: ContainerLines, onDamage: () => void) {
    this.#lines = lines
    this.#onDamage = onDamage
  }

  consume(bytes: Buffer, start: number, end: number, offset: number): void {
    const line = this.#line
    if (!line.read(bytes, start, end)) {
      this.#consumeOdd(bytes.subarray(start, end), offset)
      return
    }
    const content = line.content.subarray(line.contentStart, line.contentEnd)
    const timestampNs = BigInt(line.seconds) * nsPerSecond + BigInt(line.nanos)
    this.#lines.add({ stream: line.stream, timestampNs, bytes: content, offset })
  }

  #consumeOdd(bytes: Buffer, offset: number): void {
    const record = readDockerRecord(bytes)
    if (record) this.#lines.add({ ...record, offset })
    else this.#onDamage()
  }
}
