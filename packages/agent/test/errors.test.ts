import { test } from 'tap'
import { describeError } from '../src/errors.ts'

test('describeError says why each address of a host was unreachable', async t => {
  const refused = ['::1:1', '127.0.0.1:1'].map(address => new Error(`connect ${address}`))
  t.equal(describeError(new AggregateError(refused)), 'connect ::1:1; connect 127.0.0.1:1')
  t.equal(describeError(refused[0]), 'connect ::1:1')
  t.equal(describeError('text'), 'text')
})
