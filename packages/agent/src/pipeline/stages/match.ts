// The match stage: runs lines that match a selector through nested stages, or drops them.

import { readOneOf, readStrictText, type ValueReader } from '@skald/config-reading'
import type { PipelineEntry } from '../entry.ts'
import { compileLineSelector, type LineSelector } from '../line-selector.ts'
import { chainStages } from '../pipeline.ts'
import type { NextStage, Stage, StageDefinition } from '../stage.ts'

const readSelector: ValueReader<LineSelector> = cursor => {
  const text = readStrictText(cursor)
  if (text === undefined) return undefined
  try {
    return compileLineSelector(text)
  } catch (error) {
    return cursor.failAtKey(`${cursor.name} ${text} cannot be used: ${(error as Error).message}`)
  }
}

export const matchStage: StageDefinition = {
  read(body, { readStages }) {
    const raw = body.record({
      selector: readSelector,
      stages: readStages,
      action: readOneOf(['keep', 'drop', ''] as const),
      pipeline_name: readStrictText,
      drop_counter_reason: readStrictText,
    })
    const { selector, stages = [] } = raw
    const action = raw.action || 'keep'
    if (!selector) {
      return body.has('selector')
        ? undefined
        : body.failAtKey('The match stage needs a selector such as {app="web"}')
    }
    if (raw.pipeline_name === '') {
      return body.failAtKey('pipeline_name may be left out, but not be empty')
    }
    const stageCount = body.get('stages')?.items().length ?? 0
    if (action === 'drop' && stageCount > 0) {
      return body.failAtKey('A match stage with action drop must have no stages')
    }
    if (action === 'keep' && stageCount === 0) {
      return body.failAtKey('The match stage needs stages for the lines that it keeps')
    }
    const reason = raw.drop_counter_reason || 'match_stage'
    return context => {
      if (action === 'drop') {
        return {
          run(entry, next) {
            if (selector(entry)) context.countDropped(reason)
            else next(entry)
          },
        }
      }
      return new MatchStage(
        selector,
        stages.map(create => create(context)),
      )
    }
  },
}

class MatchStage implements Stage {
  readonly #matches: LineSelector
  readonly #stages: readonly Stage[]
  #steps: NextStage[] = []
  #next: NextStage | undefined

  constructor(matches: LineSelector, stages: readonly Stage[]) {
    this.#matches = matches
    this.#stages = stages
  }

  run(entry: PipelineEntry, next: NextStage): void {
    if (!this.#matches(entry)) {
      next(entry)
      return
    }
    entry.refreshExtracted()
    this.#inside(next)[0]!(entry)
  }

  /** Returns the nested stages, linked to the next one. */
  #inside(next: NextStage): NextStage[] {
    if (this.#next !== next) {
      this.#next = next
      this.#steps = chainStages(this.#stages, next)
    }
    return this.#steps
  }

  finish(origin: PipelineEntry['origin'], next: NextStage): void {
    const steps = this.#inside(next)
    for (const [i, stage] of this.#stages.entries()) stage.finish?.(origin, steps[i + 1]!)
  }

  tick(nowMs: number, next: NextStage): void {
    const steps = this.#inside(next)
    for (const [i, stage] of this.#stages.entries()) stage.tick?.(nowMs, steps[i + 1]!)
  }

  pausedUntilMs(nowMs: number): number {
    return Math.max(0, ...this.#stages.map(stage => stage.pausedUntilMs?.(nowMs) ?? 0))
  }

  close(): void {
    for (const stage of this.#stages) stage.close?.()
  }
}
