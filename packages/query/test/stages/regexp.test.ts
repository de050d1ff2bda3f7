import { test } from 'tap'
import { allLabels } from '../../src/pipeline/stage.ts'
import { regexpStage } from '../../src/stages/regexp.ts'
import { labelsAfter, lineOf } from './line-of.ts'

test('regexp takes named groups of the first match', async t => {
  const f = (pattern: string, text: string, want: Record<string, string>) =>
    t.same(
      labelsAfter(regexpStage.compile({ kind: 'regexp', pattern }, allLabels), lineOf(text)),
      want,
      `${pattern} on ${text}`,
    )
  f('(?P<a>\\d+)(?P<b>x)?', 'n 12', { a: '12', b: '' })
  f('(?P<a>\\d+)', 'none', {})
  f('(\\w)(?P<a>\\w)', 'xy', { a: 'y' })
})
