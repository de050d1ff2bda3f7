import { test } from 'tap'
import { allLabels } from '../../src/pipeline/stage.ts'
import { dropStage } from '../../src/stages/drop.ts'
import { labelsAfter, lineOf } from './line-of.ts'

test('drop takes labels of every kind away, errors only by their name', async t => {
  const line = () => {
    const one = lineOf('', { app: 'x', env: 'y' }, { trace: 't' })
    one.labels.set('level', 'info')
    one.labels.setError('JSONParserErr', 'why')
    return one
  }
  const drop = (...names: string[]) =>
    labelsAfter(
      dropStage.compile({ kind: 'drop', picks: names.map(name => ({ name })) }, allLabels),
      line(),
    )
  const errors = { __error__: 'JSONParserErr', __error_details__: 'why' }
  t.same(drop('app', 'trace', 'level'), { env: 'y', ...errors })
  t.same(drop('__error__', 'none'), {
    app: 'x',
    env: 'y',
    level: 'info',
    trace: 't',
    __error_details__: 'why',
  })
})
