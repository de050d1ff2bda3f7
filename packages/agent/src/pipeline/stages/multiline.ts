// The multiline stage: joins the lines of a block, separately for each stream. A block starts with a line
// that matches, and carries that line's time, labels and values.

import { readDurationMs, readLooseCount } from '@skald/config-reading'
import { blockCharactersMax, multilineDefaults, multilineStreamsMax } from '../../limits.ts'
import type { HeldLine, LineOrigin } from '../../line/line-origin.ts'
import type { PipelineEntry } from '../entry.ts'
import type { NextStage, Stage, StageDefinition } from '../stage.ts'
import { readExpression } from './regex.ts'

interface BlockOptions {
  readonly isFirstLine: (line: string) => boolean
  readonly linesMax: number
  readonly waitMs: number
}

export const multilineStage: StageDefinition = {
  read(body) {
    const raw = body.record({
      firstline: readExpression,
      max_lines: readLooseCount,
      max_wait_time: readDurationMs,
    })
    const { firstline } = raw
    if (!firstline) {
      return body.has('firstline')
        ? undefined
        : body.failAtKey('The multiline stage needs firstline, the expression a block starts with')
    }
    const options = {
      isFirstLine: (line: string) => firstline.test(line),
      // 0 means no limit except memory.
      linesMax:
        raw.max_lines === 0
          ? Number.POSITIVE_INFINITY
          : (raw.max_lines ?? multilineDefaults.linesMax),
      waitMs: raw.max_wait_time ?? multilineDefaults.waitMs,
    }
    return context => new MultilineStage(options, context.nowMs)
  },
}

/** An open block. Or the first line of the last block, until another line arrives. */
interface Block extends HeldLine {
  readonly key: string
  readonly first: PipelineEntry
  lines: string[]
  charCount: number
  startOffset: number
  lastOffset: number
  origin: LineOrigin
  touchedMs: number
}

class MultilineStage implements Stage {
  readonly #options: BlockOptions
  readonly #nowMs: () => number
  readonly #blocks = new Map<string, Block>()
  /** Number of blocks at which those without lines are forgotten. */
  #forgetAt = multilineStreamsMax

  constructor(options: BlockOptions, nowMs: () => number) {
    this.#options = options
    this.#nowMs = nowMs
  }

  run(entry: PipelineEntry, next: NextStage): void {
    const key = entry.labels.text
    let block = this.#blocks.get(key)
    if (this.#options.isFirstLine(entry.line)) {
      if (block) this.#send(block, next)
      block = this.#open(key, entry)
    } else if (!block) {
      next(entry)
      return
    }
    this.#add(block, entry)
    const isFull =
      block.lines.length >= this.#options.linesMax || block.charCount > blockCharactersMax
    if (isFull) this.#send(block, next)
  }

  #open(key: string, entry: PipelineEntry): Block {
    // Look up the times of reading now: the first line's place may be settled long before the last block
    // with its time is sent.
    const { timestampNs } = entry
    entry.timestampNs = timestampNs
    entry.detach()
    const { origin, startOffset } = entry
    const block: Block = {
      ...{ key, first: entry, lines: [], charCount: 0, startOffset, origin },
      lastOffset: startOffset,
      touchedMs: this.#nowMs(),
    }
    this.#blocks.delete(key)
    if (this.#blocks.size >= this.#forgetAt) this.#forgetEmpty()
    this.#blocks.set(key, block)
    return block
  }

  #forgetEmpty(): void {
    for (const [key, block] of this.#blocks) if (block.lines.length === 0) this.#blocks.delete(key)
    // Not at every further block, if many streams have waiting lines.
    this.#forgetAt = Math.max(multilineStreamsMax, this.#blocks.size * 2)
  }

  #add(block: Block, entry: PipelineEntry): void {
    if (block.lines.length === 0) {
      block.startOffset = entry.startOffset
      block.origin = entry.origin
      block.origin.held.add(block)
    }
    block.lines.push(entry.line)
    block.lastOffset = entry.startOffset
    block.charCount += entry.line.length
    block.touchedMs = this.#nowMs()
  }

  #send(block: Block, next: NextStage): void {
    if (block.lines.length === 0) return
    const entry = block.first.copyWith(block.lines.join('\n'))
    const { origin, startOffset } = block
    if (origin === entry.origin) entry.startOffset = startOffset
    else entry.earlier = { origin, startOffset }
    block.lines = []
    block.charCount = 0
    origin.held.delete(block)
    if (block.lastOffset > startOffset) origin.addSpan(startOffset, block.lastOffset)
    next(entry)
  }

  finish(origin: LineOrigin, next: NextStage): void {
    for (const block of this.#blocks.values()) if (block.origin === origin) this.#send(block, next)
  }

  tick(nowMs: number, next: NextStage): void {
    for (const block of this.#blocks.values()) {
      const isDue = block.lines.length > 0 && nowMs - block.touchedMs >= this.#options.waitMs
      if (isDue) this.#send(block, next)
    }
  }
}
