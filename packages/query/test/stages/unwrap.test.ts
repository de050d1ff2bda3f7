import { test } from 'tap'
import { compileUnwrap } from '../../src/stages/unwrap.ts'
import { lineOf } from './line-of.ts'

test('unwrap converts a label, or leaves the line out', async t => {
  const f = (
    value: string | undefined,
    conversion: 'bytes' | 'duration' | undefined,
    want: unknown,
  ) => {
    const line = lineOf('', value === undefined ? {} : { x: value })
    const unwrap = compileUnwrap({ label: 'x', ...(conversion && { conversion }), filters: [] })
    t.equal(unwrap(line), want, `${conversion} of ${value}`)
    return line.labels.error
  }
  t.equal(f('1.5', undefined, 1.5), '')
  t.equal(f('1500ms', 'duration', 1.5), '')
  t.equal(f('2KB', 'bytes', 2000), '')
  t.equal(f(undefined, undefined, undefined), '')
  t.equal(f('x', undefined, 0), 'SampleExtractionErr')
})
