import { test } from 'tap'
import { allLabels } from '../../src/pipeline/stage.ts'
import { type LabelFormatStage, labelFormatStage } from '../../src/stages/label-format.ts'
import { labelsAfter, lineOf } from './line-of.ts'

test('label_format renames and sets; its templates see the labels as they were', async t => {
  const f = (items: LabelFormatStage['items'], want: object) =>
    t.same(
      labelsAfter(
        labelFormatStage.compile({ kind: 'labelFormat', items }, allLabels),
        lineOf('', { a: '1', b: '2' }),
      ),
      want,
    )
  f([{ kind: 'rename', name: 'c', value: 'a' }], { b: '2', c: '1' })
  f([{ kind: 'rename', name: 'c', value: 'none' }], { a: '1', b: '2' })
  f([{ kind: 'rename', name: 'a', value: 'a' }], { b: '2' })
  f(
    [
      { kind: 'template', name: 'c', value: '{{.a}}' },
      { kind: 'template', name: 'd', value: '<{{.c}}>' },
    ],
    { a: '1', b: '2', c: '1', d: '<>' },
  )
})
