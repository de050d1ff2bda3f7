// The replace stage: replaces what an expression's groups match, using a template.

import { withUniqueNames } from '@skald/go-dialect/regex/group-names'
import { RE2JS } from 're2js'
import type { PipelineEntry } from '../entry.ts'
import type { StageDefinition } from '../stage.ts'
import { executeReplaceTemplate } from '../template-data.ts'
import { valueText } from '../values.ts'
import { readNamedExpression, readSource } from './regex.ts'
import { templateReader } from './template.ts'

export const replaceStage: StageDefinition = {
  read(body, { env }) {
    const raw = body.record({
      expression: readNamedExpression,
      source: readSource,
      replace: templateReader('failContained', env),
    })
    const { expression, source, replace } = raw
    if (!expression) {
      return body.has('expression')
        ? undefined
        : body.failAtKey('The replace stage needs an expression')
    }
    if (expression.names.length < 2) {
      return body.failContained(
        'The replace stage replaces what a group matches, and the expression has no group: write (...)',
      )
    }
    // Like Promtail, replace nothing in this case, not everything with nothing.
    if (body.has('replace') && !replace) return undefined
    const { regex, names } = expression
    const hasNames = names.some(name => name !== undefined && name !== '')
    // This engine reports the positions of groups. The expression was checked above.
    const re2 = RE2JS.compile(withUniqueNames(regex.source).pattern)
    return () => ({
      run(entry, next) {
        const text = source === undefined ? entry.line : valueText(entry.extracted.get(source))
        const result = text === undefined ? undefined : replaceGroups(text, entry)
        if (result) {
          if (source === undefined) entry.line = result.text
          else entry.extracted.set(source, result.text)
          for (const [name, replaced] of result.named) entry.extracted.set(name, replaced)
        }
        next(entry)
      },
    })

    /** Returns the new text and the replacements of the named groups, or nothing without a match. */
    function replaceGroups(
      whole: string,
      entry: PipelineEntry,
    ): { readonly text: string; readonly named: Map<string, string> } | undefined {
      const matcher = re2.matcher(whole)
      let out = ''
      let copied = 0
      let matchCount = 0
      let previousEnd = -1
      /** Names of groups, by what they captured in the first match. */
      const firstCaptured = new Map<string, string>()
      const replacements = new Map<string, string>()
      while (matcher.find()) {
        const isEmptyBehindMatch =
          matcher.end() === matcher.start() && matcher.end() === previousEnd
        previousEnd = matcher.end()
        // Go skips such matches too.
        if (isEmptyBehindMatch) continue
        matchCount++
        for (let group = 1; group < names.length; group++) {
          const start = matcher.start(group)
          const name = names[group]
          if (name && matchCount === 1) firstCaptured.set(name, matcher.group(group) ?? '')
          if (start < 0) continue
          const end = matcher.end(group)
          const captured = whole.slice(start, end)
          const replaced = replace ? executeReplaceTemplate(replace, entry, captured) : ''
          // If the template fails for one group, the whole text stays.
          if (replaced === undefined) return undefined
          if (hasNames) replacements.set(captured, replaced)
          // A group inside one that was already replaced.
          if (start < copied) continue
          out += whole.slice(copied, start) + replaced
          copied = end
        }
      }
      if (matchCount === 0) return undefined
      const named = new Map<string, string>()
      for (const [name, captured] of firstCaptured) {
        const replaced = replacements.get(captured)
        if (replaced !== undefined) named.set(name, replaced)
      }
      return { text: out + whole.slice(copied), named }
    }
  },
}
