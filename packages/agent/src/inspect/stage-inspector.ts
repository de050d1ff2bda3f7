// Shows what each stage does to a line (-inspect): the parts of the entry that changed.

import { formatRfc3339 } from '@skald/go-dialect'
import type { Colours } from '@skald/wire'
import type { LineOrigin } from '../line/line-origin.ts'
import type { PipelineEntry } from '../pipeline/entry.ts'
import type { NextStage, Stage, StageInspection } from '../pipeline/stage.ts'

/** Where to write the differences, and in which colours. */
export interface StageInspector {
  readonly write: (text: string) => void
  readonly colours: Colours
}

/** An entry as shown to people: part → text. */
type Parts = ReadonlyMap<string, string>

/** Makes the function that wraps stages so that they show what they do. */
export function createInspection(inspector: StageInspector): StageInspection {
  return (name, stage) => new InspectedStage(name, stage, inspector)
}

/** Runs the stage inside it and shows what that stage changed. */
class InspectedStage implements Stage {
  readonly #name: string
  readonly #inner: Stage
  readonly #inspector: StageInspector

  constructor(name: string, inner: Stage, inspector: StageInspector) {
    this.#name = name
    this.#inner = inner
    this.#inspector = inspector
  }

  run(entry: PipelineEntry, next: NextStage): void {
    const before = partsOf(entry)
    let wentOn = 0
    this.#inner.run(entry, after => {
      wentOn++
      this.#show(before, partsOf(after))
      next(after)
    })
    if (wentOn === 0) this.#say(`  ${this.#inspector.colours.red('the line does not go on')}`)
  }

  finish(origin: LineOrigin, next: NextStage): void {
    this.#inner.finish?.(origin, entry => this.#letGo(entry, next))
  }

  tick(nowMs: number, next: NextStage): void {
    this.#inner.tick?.(nowMs, entry => this.#letGo(entry, next))
  }

  #letGo(entry: PipelineEntry, next: NextStage): void {
    this.#show(new Map(), partsOf(entry))
    next(entry)
  }

  pausedUntilMs(nowMs: number): number {
    return this.#inner.pausedUntilMs?.(nowMs) ?? 0
  }

  close(): void {
    this.#inner.close?.()
  }

  #show(before: Parts, after: Parts): void {
    const { green, red, dim } = this.#inspector.colours
    const lines: string[] = []
    for (const name of new Set([...before.keys(), ...after.keys()])) {
      const old = before.get(name)
      const now = after.get(name)
      if (old === now) continue
      lines.push(`  ${name}`)
      if (old !== undefined) lines.push(red(`    - ${old}`))
      if (now !== undefined) lines.push(green(`    + ${now}`))
    }
    this.#say(lines.length > 0 ? lines.join('\n') : `  ${dim('nothing changes')}`)
  }

  #say(text: string): void {
    const { write, colours } = this.#inspector
    write(`${colours.cyan(`[inspect: ${this.#name} stage]:`)}\n${text}\n`)
  }
}

function partsOf(entry: PipelineEntry): Parts {
  const parts = new Map<string, string>()
  for (const [name, value] of entry.extracted) parts.set(`extracted ${name}`, formatValue(value))
  for (const [name, value] of entry.labels.entries()) parts.set(`label ${name}`, value)
  for (const { name, value } of entry.structuredMetadata) parts.set(`metadata ${name}`, value)
  parts.set('timestamp', formatRfc3339(entry.timestampNs))
  parts.set('line', JSON.stringify(entry.line))
  return parts
}

function formatValue(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
}
