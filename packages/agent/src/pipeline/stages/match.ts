// The match stage: sends the lines that a selector matches through stages of their own, or drops them.

import { type CompiledRegex, compileRegex } from '@skald/go-dialect/regex/regex'
import type { LogExpr } from '@skald/query'
import { parseLogql } from '@skald/query/syntax'
import { compileMatcher } from '@skald/wire/compile-matcher'
import { readOneOf, readStrictText } from '../../config-reading/readers.ts'
import type { ValueReader } from '../../config-reading/yaml-cursor.ts'
import type { PipelineEntry } from '../entry.ts'
import { chainStages } from '../pipeline.ts'
import type { NextStage, Stage, StageDefinition } from '../stage.ts'

type EntryTest = (entry: PipelineEntry) => boolean

// A matcher that everything fits, so that LogQL accepts selectors which alone would match all.
const anyMatcher = '__any__!="\\u0000"'

// In front of each label name, so that none of them is a word of LogQL.
const namePrefix = 'label_'

const readSelector: ValueReader<EntryTest> = cursor => {
  const text = readStrictText(cursor)
  if (text === undefined) return undefined
  try {
    return compileSelector(text)
  } catch (error) {
    return cursor.failAtKey(`selector ${text} cannot be used: ${(error as Error).message}`)
  }
}

function compileSelector(text: string): EntryTest {
  if (/^\s*\{\s*\}/.test(text)) throw new SyntaxError('it needs at least one matcher')
  // Words of LogQL such as `json` or `by` are label names here.
  const named = text.replace(
    /"(?:[^"\\]|\\.)*"|`[^`]*`|([A-Za-z_]\w*)(?=\s*[=!])/gs,
    (all, name: string | undefined) => (name === undefined ? all : namePrefix + name),
  )
  const expr = parseLogql(named.replace(/^\s*\{/, `{__all__=~".+",${anyMatcher},`))
  if (expr.kind !== 'log') throw new SyntaxError('it is not a selector of lines')
  const labelTests = expr.matchers
    .filter(({ name }) => name.startsWith(namePrefix))
    .map(matcher => ({
      name: matcher.name.slice(namePrefix.length),
      test: compileMatcher(matcher),
    }))
  const lineTests = expr.stages.map(compileLineTest)
  return entry =>
    labelTests.every(({ name, test }) => test(entry.labels.get(name) ?? '')) &&
    lineTests.every(test => test(entry.line))
}

function compileLineTest(stage: LogExpr['stages'][number]): (line: string) => boolean {
  if (stage.kind !== 'lineFilter') {
    throw new SyntaxError('only line filters |= != |~ !~ may follow the matchers')
  }
  const { op, terms } = stage
  const tests = terms.map(({ kind, value }) => {
    if (kind !== 'text' || op === '|>' || op === '!>') {
      throw new SyntaxError('only texts and regular expressions may be searched for')
    }
    if (op === '|=' || op === '!=') return (line: string) => line.includes(value)
    const regex: CompiledRegex = compileRegex(value)
    return (line: string) => regex.test(line)
  })
  const isNegative = op.startsWith('!')
  return line => tests.some(test => test(line)) !== isNegative
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
  readonly #matches: EntryTest
  readonly #stages: readonly Stage[]
  #steps: NextStage[] = []
  #next: NextStage | undefined

  constructor(matches: EntryTest, stages: readonly Stage[]) {
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

  /** The stages inside, linked to what follows. */
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
