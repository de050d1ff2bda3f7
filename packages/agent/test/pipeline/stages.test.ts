import { test } from 'tap'
import { parseYaml } from '../../src/config/yaml-cursor.ts'
import { LabelState } from '../../src/pipeline/label-state.ts'
import { LineOrigin } from '../../src/pipeline/line-origin.ts'
import { Pipeline } from '../../src/pipeline/pipeline.ts'
import { readStages } from '../../src/pipeline/registry.ts'
import type { StageContext } from '../../src/pipeline/stage.ts'

const metric = { isCounter: true, release: () => {}, update: () => {} }
const context: StageContext = {
  jobName: 'test',
  nowMs: () => Date.UTC(2024, 0, 1),
  countDropped: () => {},
  countDroppedByLabel: () => {},
  customMetrics: { counter: () => metric, gauge: () => metric, histogram: () => metric },
  warn: () => {},
}

/** Runs lines through stages and returns `labels time line` of what comes out. */
function run(stagesText: string, lines: readonly string[], { finishes = false } = {}): string[] {
  const { root, problems } = parseYaml(stagesText)
  const stages = readStages(root).map(create => create(context))
  if (problems[0]) throw new Error(problems[0].message)
  const out: string[] = []
  const pipeline = new Pipeline(stages, {
    add: ({ labels, seconds, nanos, bytes, start, end }) => {
      const line = Buffer.from(bytes.subarray(start, end)).toString()
      out.push(`${labels.text} ${seconds}.${nanos} ${line}`)
    },
  })
  const origin = new LineOrigin({ name: 'f', readTime: offset => BigInt(offset) })
  const consumer = pipeline.open(origin, new LabelState(new Map([['job', 'j']])))
  let offset = 0
  for (const line of lines) {
    const bytes = Buffer.from(line)
    consumer.consume(bytes, 0, bytes.length, offset)
    offset += bytes.length + 1
  }
  if (finishes) pipeline.finish(origin)
  return out
}

const cri = [
  '2024-01-01T00:00:01Z stdout P a',
  '2024-01-01T00:00:02Z stderr F e',
  '2024-01-01T00:00:03Z stdout F b',
  'plain',
  '2024-01-01T00:00:04Z stdout P last',
]
const criWant = [
  '{job="j", stream="stderr"} 1704067202.0 e',
  '{job="j", stream="stdout"} 1704067203.0 ab',
  `{job="j"} 0.${cri.slice(0, 3).join('').length + 3} plain`,
  '{job="j", stream="stdout"} 1704067204.0 last',
]

test('cri joins parts per stream, on bytes and on entries alike', async t => {
  t.strictSame(run('[{cri: {}}]', cri, { finishes: true }), criWant)
  t.strictSame(run('[{cri: {}}, {labels: {none: }}]', cri, { finishes: true }), criWant)
})

const docker = [
  '{"log":"a \\"q\\" \\u00e9\\ud83d\\ude00\\n","stream":"stdout","time":"2024-01-01T00:00:01.5Z"}',
  '{"log":"b\\n","stream":"stderr","attrs":{"x":"y"},"time":"2024-01-01T00:00:02Z"}',
  'plain',
]
const dockerWant = [
  '{job="j", stream="stdout"} 1704067201.500000000 a "q" é😀\n',
  '{job="j", stream="stderr"} 1704067202.0 b\n',
  `{job="j"} 0.${Buffer.byteLength(docker[0]! + docker[1]!) + 2} plain`,
]

test('docker unpacks records, on bytes and on entries alike', async t => {
  t.strictSame(run('[{docker: {}}]', docker), dockerWant)
  t.strictSame(run('[{docker: {}}, {labels: {none: }}]', docker), dockerWant)
})

test('container reads lines of either runtime', async t => {
  const records = [
    '{"log":"par","stream":"stdout","time":"2024-01-01T00:00:01Z"}',
    '{"log":"ted\\n","stream":"stdout","time":"2024-01-01T00:00:02Z"}',
    '2024-01-01T00:00:03Z stderr F cri',
  ]
  t.strictSame(run('[{container: {}}]', records), [
    '{job="j", stream="stdout"} 1704067202.0 parted',
    '{job="j", stream="stderr"} 1704067203.0 cri',
  ])
})

test('Stages take lines apart and put them together', async t => {
  const f = (stages: string, lines: string[], want: string[]) =>
    t.strictSame(
      run(stages, lines, { finishes: true }).map(text => text.replace(/ \d+\.\d+ /, ' ')),
      want,
      stages,
    )
  f(
    '[{json: {expressions: {l: level}}}, {labels: {l: }}]',
    ['{"level":"x"}'],
    ['{job="j", l="x"} {"level":"x"}'],
  )
  f('[{logfmt: {mapping: {a: }}}, {output: {source: a}}]', ['a="x y" b=1'], ['{job="j"} x y'])
  f('[{regex: {expression: "(?P<w>o+)"}}, {labels: {w: }}]', ['foo'], ['{job="j", w="oo"} foo'])
  f('[{replace: {expression: "(o)", replace: "0"}}]', ['foo'], ['{job="j"} f00'])
  f(
    '[{template: {source: x, template: "{{ ToUpper .Entry }}"}}, {output: {source: x}}]',
    ['a'],
    ['{job="j"} A'],
  )
  f('[{multiline: {firstline: "^S"}}]', ['S 1', 'a', 'S 2'], ['{job="j"} S 1\na', '{job="j"} S 2'])
  f('[{match: {selector: \'{job="j"} |= "x"\', action: drop}}]', ['x', 'y'], ['{job="j"} y'])
  f('[{drop: {longer_than: 1}}]', ['a', 'ab'], ['{job="j"} a'])
  f('[{pack: {labels: [job]}}]', ['a'], ['{} {"job":"j","_entry":"a"}'])
  f('[{decolorize: {}}]', ['\u001b[31mred\u001b[0m'], ['{job="j"} red'])
  f('[{labeldrop: [job]}, {static_labels: {s: "1"}}]', ['a'], ['{s="1"} a'])
  f('[{limit: {rate: 1, burst: 2, drop: true}}]', ['a', 'b', 'c'], ['{job="j"} a', '{job="j"} b'])
  f('[{sampling: {rate: 0}}]', ['a'], [])
})

test('timestamp makes the time of the line, or puts it after the last one', async t => {
  const stages = `[{regex: {expression: "^(?P<t>\\\\S+)"}}, {timestamp: {source: t, format: RFC3339}}]`
  t.strictSame(
    run(stages, ['2024-01-01T00:00:01Z a', 'broken b']).map(text => text.split(' ')[1]),
    ['1704067201.0', '1704067201.1'],
  )
})
