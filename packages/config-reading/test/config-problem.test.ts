import { test } from 'tap'
import { formatProblem, nearestName, unknownKey } from '../src/config-problem.ts'
import { listedKeysMax } from '../src/limits.ts'

test('formatProblem writes file, line and column, or only the file for the file as a whole', async t => {
  t.equal(formatProblem('a.yaml', { line: 3, column: 5, message: 'No' }), 'a.yaml:3:5: No')
  t.equal(formatProblem('a.yaml', { line: 0, column: 0, message: 'No' }), 'a.yaml: No')
})

test('nearestName finds the name that differs least, by at most a quarter of the letters', async t => {
  const names = ['max_line_size', 'max_line_size_truncate', 'period', 'file']
  t.equal(nearestName('max_line_sise', names), 'max_line_size')
  t.equal(nearestName('periods', names), 'period')
  t.equal(nearestName('max_line_size', names), 'max_line_size')
  t.equal(nearestName('fil', names), 'file')
  t.equal(nearestName('fi', names), undefined)
  t.equal(nearestName('retention', names), undefined)
  t.equal(nearestName('limi', ['limit', 'limits', 'lime']), 'limit', 'of equals the first')
  t.equal(nearestName('x', []), undefined)
  t.equal(nearestName('lables', ['labels']), 'labels', 'swapped letters are one edit')
  t.equal(nearestName('slwo', ['slow']), 'slow')
  t.equal(nearestName('regexp', ['regex', 'replace']), 'regex')
})

test('unknownKey names the key that was probably meant, or the known keys if they are few', async t => {
  t.equal(
    unknownKey('fiel', 'block', { known: ['files', 'field'] }),
    'Unknown key fiel in block: did you mean field?',
  )
  t.equal(
    unknownKey('other', 'block', { known: ['b', 'a'], near: ['near'] }),
    'Unknown key other in block: known keys are a, b',
  )
  t.equal(
    unknownKey('neer', 'block', { known: ['a'], near: ['near'] }),
    'Unknown key neer in block: did you mean near?',
  )
  t.equal(
    unknownKey('other', 'block', { known: ['a'], elsewhere: 'b.other' }),
    'Unknown key other in block: did you mean b.other?',
  )
  const manyKeys = Array.from({ length: listedKeysMax + 1 }, (_, i) => `key${i}`)
  t.equal(unknownKey('a', 'block', { known: [] }), 'Unknown key a in block: it has no keys')
  t.equal(
    unknownKey('other', 'block', { known: manyKeys }),
    'Unknown key other in block: remove it, or check its spelling',
  )
})
