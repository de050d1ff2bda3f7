// Row 99 of docs/clients.md: the parser that checks every answer of these tests fails where
// Grafana's does, and accepts answers of every kind.

import { t as root, test } from 'tap'
import { categorize, startSeeded } from './client-seed.ts'
import { checkStrictly } from './strict-answer.ts'

root.setTimeout(170_000)

const streams = (element: string, flags = '') =>
  `{"status":"success","data":{"resultType":"streams",${flags}"result":[${element}],"stats":{}}}`
const flags = '"encodingFlags":["categorize-labels"],'
const matrix = (sample: string) =>
  `{"data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[${sample}]}]}}`
const time = '"1700000000000000000"'

test('an answer is read in the order of its keys, as Grafana reads it', async t => {
  const passes: readonly string[] = [
    streams(`{"stream":{"a":"b"},"values":[[${time},"x \\u003c \\"y\\""]]}`),
    streams(`{"stream":{},"values":[[${time},"x",{}]]}`, flags),
    streams(
      `{"stream":{},"values":[[${time},"x",{"structuredMetadata":{"t":"1"},"parsed":{}}]]}`,
      flags,
    ),
    streams(''),
    matrix('[1700000000,"1.5"],[1700000000.5,"NaN"],[1,"+Inf"],[2,"-Inf"]'),
    '{"data":{"resultType":"scalar","result":[1700000000,"1"]}}',
    '{"status":"success","warnings":["some"],"data":{"resultType":"vector","result":[]}}',
  ]
  for (const text of passes) t.doesNotThrow(() => checkStrictly(text), text)
  const fails: readonly (readonly [RegExp, string])[] = [
    [/flags behind/, `{"data":{"resultType":"streams","result":[],${flags.slice(0, -1)}}}`],
    [/before its type/, '{"data":{"result":[],"resultType":"streams"}}'],
    [/before the result/, '{"data":{"resultType":"streams","stats":{},"result":[]}}'],
    [/unknown key labels/, streams('{"labels":{},"values":[]}')],
    [
      /unknown category other/,
      streams(`{"stream":{},"values":[[${time},"x",{"other":{}}]]}`, flags),
    ],
    [/2 elements/, streams(`{"stream":{},"values":[[${time},"x"]]}`, flags)],
    [/an extra element/, streams(`{"stream":{},"values":[[${time},"x",{}]]}`)],
    [/not a string/, streams('{"stream":{},"values":[[1700000000000000000,"x"]]}')],
    [/not a time in nanoseconds/, streams('{"stream":{},"values":[["17","x"]]}')],
    [/not a string/, streams(`{"stream":{"a":1},"values":[]}`)],
    [/not a number/, matrix('["1700000000","1"]')],
    [/not a string/, matrix('[1700000000,1]')],
    [/no sample/, matrix('[1700000000,"1e5"]')],
    [/expected \[/, '{"data":{"resultType":"streams","result":null}}'],
    [/unknown result type/, '{"data":{"resultType":"table","result":[]}}'],
    [/no result/, '{"data":{"resultType":"streams"}}'],
    [/text behind/, `${streams('')}x`],
  ]
  for (const [message, text] of fails) t.throws(() => checkStrictly(text), { message }, text)

  const seed = await startSeeded(t, { dir: t.testdir() })
  const selector = '{service_name="seed"}'
  const asked: readonly (readonly ['query' | 'query_range', string])[] = [
    ['query_range', selector],
    ['query_range', `${selector} | json | logfmt | line_format "{{.msg}} \\"<&>"`],
    ['query_range', '{service_name="none"}'],
    ['query_range', `sum by (env) (rate(${selector}[5m]))`],
    ['query_range', '1 + 1'],
    ['query', `topk(1, sum by (trace_id) (count_over_time(${selector}[1h])))`],
    ['query', 'vector(1)/vector(0)'],
    ['query', '1.5'],
  ]
  for (const [path, query] of asked) {
    for (const headers of [{}, categorize]) {
      // This also checks the answer.
      const { status } = await seed.ask(path, { query, ...seed.range, limit: '1000' }, headers)
      t.equal(status, 200, query)
    }
  }
})
