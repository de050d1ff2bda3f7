import { test } from 'tap'
import { allLabels } from '../../src/pipeline/stage.ts'
import { keepStage } from '../../src/stages/keep.ts'
import { labelsAfter, lineOf } from './line-of.ts'

test('keep takes all other labels away, but no error', async t => {
  const line = () => {
    const one = lineOf('', { app: 'x', env: 'y' }, { trace: 't' })
    one.labels.set('level', 'info')
    one.labels.setError('JSONParserErr', 'why')
    return one
  }
  const errors = { __error__: 'JSONParserErr', __error_details__: 'why' }
  const keep = keepStage.compile(
    {
      kind: 'keep',
      picks: [
        { name: 'app', matcher: { name: 'app', op: '=', value: 'z' } },
        { name: 'env', matcher: { name: 'env', op: '=~', value: 'y|z' } },
        { name: 'level' },
      ],
    },
    allLabels,
  )
  t.same(labelsAfter(keep, line()), { env: 'y', level: 'info', ...errors })
})
