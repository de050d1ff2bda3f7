import { test } from 'tap'
import { parseJsonObject } from '../../src/pipeline/json-object.ts'

test('parseJsonObject accepts what Promtail’s decoder accepts', t => {
  // Results of Go's decoder in Promtail.
  const taken: readonly (readonly [text: string, want: unknown])[] = [
    ['{"a":"\\nx\ty"}', { a: '\nx\ty' }],
    ['{"a":"\\t\nend"}', { a: '\t\nend' }],
    ['{"\\n\nb":1}', { '\n\nb': 1 }],
    ['{null:1}', { '': 1 }],
    ['{"b":1,null:2}', { b: 1, '': 2 }],
    ['{"a":{"b":2,null:1}}', { a: { b: 2, '': 1 } }],
    ['{"a":1}\0x', { a: 1 }],
    ['null', {}],
    ['null\0', {}],
    [' {"a" : [ 1 , true, false, null, {} ] } \t\r\n', { a: [1, true, false, null, {}] }],
    ['{"a":{},"a":2}', { a: 2 }],
    ['{"a":"\\ud800"}', { a: '\ufffd' }],
    ['{"a":"\\udcff"}', { a: '\ufffd' }],
    ['{"a":"\\ud800x"}', { a: '\ufffdx' }],
    ['{"a":"\\ud800\\n"}', { a: '\ufffd\n' }],
    ['{"a":"\\ud83d\\""}', { a: '\ufffd"' }],
    ['{"a":"\\ud83d\\ude00"}', { a: '😀' }],
    ['{"a":"\\ud800\\ud83d\\ude00"}', { a: '\ufffd\ufffd\ufffd' }],
    ['{"a":"\\ud83d\\u0041"}', { a: '\ufffdA' }],
    ['{"a":"x\udcffy"}', { a: 'x\udcffy' }],
    ['{"a":1e-400,"b":0e1,"c":1E+05}', { a: 0, b: 0, c: 100_000 }],
    ['{"__proto__":{"b":1},"a":"\\nx\ty"}', JSON.parse('{"__proto__":{"b":1},"a":"\\nx\\ty"}')],
  ]
  for (const [text, want] of taken) t.strictSame(parseJsonObject(text), want, JSON.stringify(text))
  t.end()
})

test('parseJsonObject accepts nothing that Promtail’s decoder rejects', t => {
  const values = [
    ...[
      '01',
      '-01',
      '1.',
      '.5',
      '+5',
      '-',
      '1e',
      '--1',
      '1.5.5',
      'nulx',
      'tru',
      'true1',
      '1 2',
      '- 5',
    ],
    ...['[1,]', '[,1]', 'NaN', 'True', '1/*x*/', '1-2', '1e999', '-1e999', '9'.repeat(310)],
  ]
  const wholes = [
    '',
    ' ',
    'n',
    'nullx',
    'null x',
    '[]',
    '[1]',
    '1',
    '"a"',
    '\0{"a":1}',
    '\v{"a":1}',
    '\ufeff{"a":1}',
    ...[
      '{"a":1} x',
      '{"a":1}}',
      '{"a":1},',
      '{"a":1}{"b":2}',
      '{"a"1}',
      '{"a":1,}',
      '{,}',
      "{'a':1}",
    ],
    ...['{a:1}', '{"a":{null:1}}', '{"a":1\0,"b":2}', '{"a":"x\ty"}', '{"a\nb":1}', '{"a":"abc'],
    ...['{"a":"\\x"}', `{"a":"\\'"}`, '{"a":"\\u12"}', '{"a":"\\'],
  ]
  for (const text of [...values.map(value => `{"a":${value}}`), ...wholes]) {
    t.equal(parseJsonObject(text), undefined, JSON.stringify(text))
  }
  const deep = `{"a":"\\n\t","b":${'['.repeat(200_000)}`
  t.equal(parseJsonObject(deep), undefined, 'however deep')
  t.end()
})
