import { test } from 'tap'
import { allLabels } from '../../src/pipeline/stage.ts'
import { patternStage } from '../../src/stages/pattern.ts'
import { labelsAfter, lineOf } from './line-of.ts'

test('pattern cuts the line at the texts between captures', async t => {
  const f = (pattern: string, text: string, want: Record<string, string>) =>
    t.same(
      labelsAfter(patternStage.compile({ kind: 'pattern', pattern }, allLabels), lineOf(text)),
      want,
      `${pattern} on ${text}`,
    )
  f('<a> <b>', 'x y z', { a: 'x', b: 'y z' })
  f('<_> <b>', 'x y', { b: 'y' })
  f('[<a>] <b>', '[x] y', { a: 'x', b: 'y' })
  f('[<a>] <b>', 'x y', {})
  f('<a>,<b>;<c>', 'x,y', { a: 'x', b: 'y' })
  f('<a> end', 'x end more', { a: 'x' })
  f('<a>', '', {})
})
