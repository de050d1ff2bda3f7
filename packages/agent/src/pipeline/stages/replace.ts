// The replace stage: replaces what the groups of an expression match, by a template.

import { RE2JS } from 're2js'
import type { PipelineEntry } from '../entry.ts'
import type { StageDefinition } from '../stage.ts'
import { executeStageTemplate } from '../template-data.ts'
import { valueText } from '../values.ts'
import { readExpression, readSource } from './regex.ts'
import { templateReader } from './template.ts'

export const replaceStage: StageDefinition = {
  read(body) {
    const raw = body.record({
      expression: readExpression,
      source: readSource,
      replace: templateReader('failContained'),
    })
    const { expression, source, replace } = raw
    if (!expression) {
      return body.has('expression')
        ? undefined
        : body.failAtKey('The replace stage needs an expression')
    }
    if (expression.groupNames.length < 2) {
      return body.failContained(
        'The replace stage replaces what a group matches, and the expression has no group: write (...)',
      )
    }
    // Promtail as well replaces nothing then, rather than everything by nothing.
    if (body.has('replace') && !replace) return undefined
    const { groupNames } = expression
    // The engine that tells where groups lie; the expression was checked above.
    const re2 = RE2JS.compile(expression.source)
    return () => ({
      run(entry, next) {
        const text = source === undefined ? entry.line : valueText(entry.extracted.get(source))
        if (text !== undefined) {
          const result = replaceGroups(text)
          if (result !== text) {
            if (source === undefined) entry.line = result
            else entry.extracted.set(source, result)
          }
        }
        next(entry)

        function replaceGroups(whole: string): string {
          let out = ''
          let copied = 0
          const named = new Map<string, string>()
          const matcher = re2.matcher(whole)
          while (matcher.find()) {
            for (let group = 1; group < groupNames.length; group++) {
              const start = matcher.start(group)
              if (start < 0) continue
              const end = matcher.end(group)
              const replaced = replaceText(entry, whole.slice(start, end))
              // A template that fails on one group leaves the whole text.
              if (replaced === undefined) return whole
              const name = groupNames[group]
              if (name && !named.has(name)) named.set(name, replaced)
              // A group inside one that was replaced already.
              if (start < copied) continue
              out += whole.slice(copied, start) + replaced
              copied = end
            }
          }
          for (const [name, replaced] of named) entry.extracted.set(name, replaced)
          return out + whole.slice(copied)
        }
      },
    })

    function replaceText(entry: PipelineEntry, captured: string): string | undefined {
      return replace ? executeStageTemplate(replace, entry, captured) : ''
    }
  },
}
