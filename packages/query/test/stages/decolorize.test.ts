import { test } from 'tap'
import { allLabels } from '../../src/pipeline/stage.ts'
import { decolorizeStage } from '../../src/stages/decolorize.ts'
import { lineOf } from './line-of.ts'

test('decolorize takes escape sequences away, and stays quick on strange ones', async t => {
  const f = (text: string, want: string) => {
    const line = lineOf(text)
    decolorizeStage.compile({ kind: 'decolorize' }, allLabels)(line)
    t.equal(line.text, want)
  }
  f('\u001b[31mred\u001b[0m', 'red')
  f('\u001b[1;31mbold\u001b[m', 'bold')
  f('\u001b]0;title\u0007text', 'text')
  f('plain', 'plain')
  f(`\u001b${';'.repeat(20_000)}`, `\u001b${';'.repeat(20_000)}`)
})
