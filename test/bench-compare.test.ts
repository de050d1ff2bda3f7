// The benchmark's comparison: questions in two languages, answers as comparable figures, verdicts,
// the plot and the page. No server is needed.

import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseLogql } from '@skald/query'
import { test } from 'tap'
import { disagreementsOf } from '../bench/compare/agreement.ts'
import { differenceOf, readLogqlFigures, readLogsqlFigures } from '../bench/compare/figures.ts'
import {
  formatPlot,
  formatSection,
  type PageFigures,
  replaceSection,
} from '../bench/compare/page.ts'
import { drawPlot } from '../bench/compare/plot.ts'
import { listQuestions, listTracedQuestions } from '../bench/compare/questions.ts'
import { type CompareFigures, compareRows } from '../bench/compare/rows.ts'
import type { WorkloadSummary } from '../bench/generator.ts'
import { growthRows, readRunCosts } from '../bench/growth.ts'
import { openedBlocksRow, readOpenedBlocks } from '../bench/opened-blocks.ts'
import { parseBenchOptions } from '../bench/options.ts'

const load: WorkloadSummary = {
  options: { seed: 1, megabytes: 335, startMs: Date.UTC(2026, 0, 15, 12) },
  streams: [],
  ...{ lineBytes: 335e6, lineCount: 1000, needle: 'order-17-never-shipped' },
  needleTraceId: '0123456789abcdef0123456789abcdef',
  byKind: {
    json: { lineBytes: 1, lineCount: 1 },
    logfmt: { lineBytes: 1, lineCount: 1 },
    nginx: { lineBytes: 1, lineCount: 1 },
    java: { lineBytes: 1, lineCount: 1 },
  },
  endMs: Date.UTC(2026, 0, 15, 13),
}
const questions = [...listQuestions(load), ...listTracedQuestions(load)]

test('each question is in both languages, about the same streams and the same text', async t => {
  t.equal(new Set(questions.map(({ name }) => name)).size, questions.length)
  t.equal(questions.length, 11)
  for (const { name, logql, logsql, form } of questions) {
    t.doesNotThrow(() => parseLogql(logql.query), name)
    const [, selector = ''] = /(\{[^}]*\})/.exec(logql.query) ?? []
    const inLogsql = selector === '{namespace=~".+"}' ? '{namespace!=""}' : selector
    t.ok(logsql.query.startsWith(inLogsql), `${name}: ${logsql.query}`)
    const [literal] =
      /order-\d+-never-\w+|order-\[.*\)|\berror\b|[\da-f]{32}/.exec(logql.query) ?? []
    // `__error__` is a label of LogQL's.
    if (literal && !logql.query.includes('__error__')) {
      t.ok(logsql.query.includes(literal), `${name}: ${literal}`)
    }
    if (form.kind === 'sums') t.match(logsql.query, / n\b/, `${name} names its figure`)
    t.equal(logql.params?.limit, logsql.params?.limit, name)
  }
})

test('answers of both kinds become the same figures', async t => {
  const sums = { kind: 'sums', by: ['level', 'detected_level'] } as const
  const logql = JSON.stringify({
    data: {
      result: [
        {
          metric: { detected_level: 'error' },
          values: [
            [1, '2'],
            [2, '3'],
          ],
        },
        { metric: { level: 'info' }, values: [[1, '10']] },
        { metric: {}, value: [1, '4'] },
      ],
    },
  })
  const logsql = [
    '{"_time":"2026-01-15T12:00:00Z","level":"ERROR","n":"1"}',
    '{"_time":"2026-01-15T12:01:00Z","level":"error","n":"4"}',
    '{"level":"info","n":"10"}',
    '{"level":"","n":"4"}',
    '',
  ].join('\n')
  const expected = [
    ['error', 5],
    ['info', 10],
    ['unknown', 4],
  ]
  t.same([...readLogqlFigures(logql, sums)], expected)
  t.same([...readLogsqlFigures(logsql, sums)], expected)
  t.equal(readLogqlFigures(logql, { ...sums, scale: 60 }).get('info'), 600)

  const lines = { kind: 'lines' } as const
  const streams = {
    data: {
      result: [
        {
          values: [
            ['1', 'a'],
            ['2', 'b'],
            ['3', 'a'],
          ],
        },
      ],
    },
  }
  t.same(
    [...readLogqlFigures(JSON.stringify(streams), lines)],
    [
      ['a', 2],
      ['b', 1],
    ],
  )
  t.same(
    [...readLogsqlFigures('{"_msg":"a"}\n{"_msg":"b"}\n{"_msg":"a"}\n', lines)],
    [
      ['a', 2],
      ['b', 1],
    ],
  )
  const seconds = { kind: 'sums', by: ['caller'] } as const
  t.same([...readLogsqlFigures('{"caller":"a","n":"392.5ms"}', seconds)], [['a', 0.3925]])
})

test('answers that differ are found, with what differs', async t => {
  const figures = new Map([
    ['a', 100],
    ['b', 5],
  ])
  t.equal(differenceOf(figures, new Map(figures), 0), undefined)
  t.equal(
    differenceOf(
      figures,
      new Map([
        ['a', 101],
        ['b', 5],
      ]),
      0,
    ),
    '101 instead of 100 for "a"',
  )
  t.equal(
    differenceOf(
      figures,
      new Map([
        ['a', 101],
        ['b', 5],
      ]),
      0.03,
    ),
    undefined,
  )
  t.equal(
    differenceOf(
      figures,
      new Map([
        ['a', 104],
        ['b', 5],
      ]),
      0.03,
    ),
    '104 instead of 100 for "a"',
  )
  t.equal(differenceOf(figures, new Map([['a', 100]]), 0), '1 instead of 2 results')
  t.equal(
    differenceOf(
      figures,
      new Map([
        ['a', 100],
        ['c', 5],
      ]),
      0,
    ),
    'nothing for "b"',
  )
  t.equal(
    differenceOf(
      figures,
      new Map([
        ['a', 100],
        ['b', Number.NaN],
      ]),
      1,
    ),
    'NaN instead of 5 for "b"',
  )

  const [needle] = questions
  const answered = (name: string, count: number, problems: Record<string, string> = {}) => ({
    result: { name, problems },
    answers: new Map([[needle!.name, new Map([['line', count]])]]),
  })
  t.same(disagreementsOf([answered('Skald', 1), answered('Loki', 1)], [needle!]), {})
  t.same(disagreementsOf([answered('Skald', 1), answered('Loki', 2)], [needle!]), {
    [needle!.name]: 'Loki does not agree with Skald: 2 instead of 1 for "line"',
  })
  t.same(
    disagreementsOf(
      [answered('Skald', 1), answered('Loki', 0, { [needle!.name]: 'answered 500: no' })],
      [needle!],
    ),
    {
      [needle!.name]: 'Loki: answered 500: no',
    },
  )
})

function figuresWith(ours: number, disagreements: Record<string, string> = {}): CompareFigures {
  const spread = (median: number) => ({ median, min: median, max: median })
  const result = (name: 'Skald' | 'Loki' | 'VictoriaLogs', cpuMs: number) => ({
    ...{ name, version: '1.2.3', ingestPeakBytes: 250e6, queryPeakBytes: 290e6, problems: {} },
    ingest: {
      ...{ lineBytes: 335e6, lineCount: 1000, pushCount: 335, retryCount: 0, wallSeconds: 9 },
      ...{ pushCpuSeconds: 3, cpuSeconds: 3.3, settleSeconds: 10, idleCpuMsPerSecond: 1 },
      ...{ peakRssBytes: 250e6, diskBytes: 84e6 },
    },
    costs: questions.map(question => ({
      ...{ name: question.name, cpuMs: spread(cpuMs), wallMs: spread(cpuMs) },
    })),
    ...{ readyMs: 400, readyCpuMs: 300, cold: { leftOut: 'no dd' } },
  })
  return {
    results: [result('Skald', ours), result('Loki', 1000), result('VictoriaLogs', 10)],
    disagreements,
    limits: {
      ingest: { snappySeconds: 0.5, zstdSeconds: 1, zstdBytes: 76e6 },
      ...{ fullReadMs: 400, tracedFullReadMs: 400 },
    },
    ...{ megabytes: 335, logfmtLineCount: 150_000 },
  }
}

test('a row is met or missed by its figures alone', async t => {
  const rowOf = (ours: number, figure: string) =>
    compareRows(figuresWith(ours)).find(row => row.figure === figure)
  const needle = 'needle that occurs once'
  t.match(rowOf(20, needle), { isMet: true, values: { Skald: 20, Loki: 1000, VictoriaLogs: 10 } })
  t.match(rowOf(20.5, needle), { isMet: false }, 'above a twentieth of a full read')
  t.match(rowOf(40, 'regex with a literal'), { isMet: true })
  t.match(rowOf(41, 'regex with a literal'), { isMet: false })
  t.match(rowOf(9, 'count of a frequent word by app'), { isMet: true })
  t.match(rowOf(10, 'count of a frequent word by app'), { isMet: false }, 'not below VictoriaLogs')
  t.match(rowOf(100, 'logfmt quantile by caller'), { isMet: true })
  t.match(rowOf(101, 'logfmt quantile by caller'), { isMet: false })
  t.match(rowOf(1, 'ingest with all compaction'), { isMet: true }, '1.5 s of 3.3 s')
  t.match(rowOf(1, 'disk'), { isMet: true, target: 'at most 85' })
  t.equal(rowOf(1, 'rate by app')?.target, undefined)

  const failed = compareRows(figuresWith(1, { [needle]: 'Loki: 2 lines' }))
  t.match(
    failed.find(row => row.figure === needle),
    { failure: 'Loki: 2 lines', isMet: undefined },
  )
  const small = compareRows({ ...figuresWith(1), megabytes: 50 })
  t.ok(
    small.every(row => row.target === undefined),
    'small runs have no targets',
  )
})

test('needles of a large run are also judged by their wall time', async t => {
  const rows = compareRows({ ...figuresWith(11), megabytes: 5000 })
  const row = rows.find(({ figure }) => figure === 'needle that occurs once')
  t.match(row, { isMet: false, target: /wall 11 at most 10 ms: VictoriaLogs/ })
})

/** Returns the value of an attribute in each tag that has this start. */
function attributes(svg: string, start: string, name: string): number[] {
  return [...svg.matchAll(new RegExp(`<${start}[^>]*`, 'g'))].map(([tag]) =>
    Number(new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1]),
  )
}

test('the plot has a mark for each figure, at its place on the scale', async t => {
  const series = [
    { name: 'ours', colour: '#111111' },
    { name: 'a<b & "c"', colour: '#222222' },
  ]
  const svg = drawPlot({
    ...{ title: 'x < y', series },
    panels: [
      { title: 'bars', kind: 'bars', rows: [{ label: 'disk', values: [50, 100] }] },
      {
        ...{ title: 'dots', kind: 'dots' },
        rows: [
          { label: 'one', values: [1, 1000] },
          { label: 'half way', values: [undefined, 10 ** 1.5] },
        ],
      },
    ],
  })
  const [ourBar, theirBar] = attributes(svg, 'rect x="280"', 'width')
  t.equal(ourBar! * 2, theirBar)
  const dots = (colour: string) =>
    attributes(svg, `circle [^>]*r="5.5" fill="${colour}" fill-opacity`, 'cx')
  t.same(dots('#111111'), [280])
  t.same(dots('#222222'), [790, 535], 'the last power of ten is at the end, its root half way')
  t.notMatch(svg, /x < y|a<b|NaN|undefined|Infinity/)
  t.match(svg, '<title>x &lt; y</title>')
  t.match(svg, 'a&lt;b &amp; &quot;c&quot;')
  const open: string[] = []
  for (const [, isEnd, name = '', isEmpty] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
    if (isEnd) t.equal(open.pop(), name)
    else if (!isEmpty) open.push(name)
  }
  t.same(open, [], 'every tag ends')
})

test('the page keeps everything around the comparison', async t => {
  const machine = {
    ...{ cpu: 'Some CPU', coreCount: 2, memoryGb: 24, node: 'v24.0.0', commit: 'abc1234' },
    date: '2026-01-15T12:00:00.000Z',
  }
  const failure = 'Loki does not agree with Skald: 2 instead of 1 for "a"'
  const figures = figuresWith(9, { 'rate by app': failure })
  const page: PageFigures = {
    ...{ machine, participants: figures.results, questions, megabytes: 335, tracedMegabytes: 335 },
    remarks: ['Loki is left out: name its program with --loki.'],
    rows: compareRows(figures),
    ...{ repetitions: 7, noiseShare: 0.42, limitSeconds: 1.5, fullReadMs: 400 },
  }
  const text = 'above\n<!-- compare:begin -->\nold\n<!-- compare:end -->\nbelow\n'
  const replaced = replaceSection(text, formatSection(page))
  t.match(replaced, /^above\n<!-- compare:begin -->\n/)
  t.match(replaced, /\n<!-- compare:end -->\nbelow\n$/)
  t.notMatch(replaced, /\nold\n/)
  t.equal(replaceSection(replaced, formatSection(page)), replaced)
  t.match(
    replaced,
    '| needle that occurs once | 9.0 ms CPU | 1,000 ms CPU | 10 ms CPU | at most 20:',
  )
  t.match(replaced, `| failed: ${failure} |`)
  t.match(replaced, 'Other processes used 42 %')
  t.match(replaced, 'Loki is left out')
  t.notMatch(formatPlot(page), '>rate by app<', 'a row that failed is not drawn')
  for (const broken of [
    'no markers',
    `${text}${text}`,
    '<!-- compare:end --><!-- compare:begin -->',
  ]) {
    t.throws(() => replaceSection(broken, 'new'), RangeError)
  }
})

test('growth compares each query with the earlier run', async t => {
  const earlier = readRunCosts(
    JSON.stringify({
      options: { megabytes: 335 },
      queries: [
        { name: 'needle', cpuMs: { median: 20 } },
        { name: 'gone', cpuMs: { median: 20 } },
      ],
      servers: [
        { name: 'Skald', costs: [{ name: 'needle that occurs once', cpuMs: { median: 10 } }] },
      ],
    }),
  )
  const now = new Map([
    ['needle', 60],
    ['new', 1],
    ['Skald, needle that occurs once', 31],
  ])
  t.match(growthRows(earlier, { megabytes: 5000, cpuMs: now }), [
    { figure: 'lines', ratio: '14.93' },
    { figure: 'needle', ratio: '3.00', isMet: true },
    { figure: 'Skald, needle that occurs once', ratio: '3.10', isMet: false },
  ])
  t.equal(growthRows(earlier, { megabytes: 2000, cpuMs: now })[1]!.target, undefined)
  t.throws(() => readRunCosts('{"options":{"megabytes":335}}'), TypeError)
})

test('the blocks that a needle opens are counted, and judged in a large run', async t => {
  const blocks = { outOfRange: 10, otherStreams: 0, filtered: 4986, scanned: 5 }
  const opened = readOpenedBlocks(
    JSON.stringify({ data: { stats: { skald: { blocks, filters: { falseHits: 4 } } } } }),
  )
  t.same(opened, { blockCount: 5001, openedCount: 5, falseHitCount: 4 })
  t.match(openedBlocksRow(opened, 5000), { isMet: true, target: '<= 50 without it' })
  t.equal(openedBlocksRow({ ...opened, openedCount: 52 }, 5000).isMet, false)
  t.equal(openedBlocksRow(opened, 335).target, undefined)
})

test('wrong arguments are refused with what is wrong', async t => {
  const dir = t.testdir({ plain: 'no program', directory: {} })
  const program = join(dir, 'program')
  writeFileSync(program, '#!/bin/sh\n')
  chmodSync(program, 0o755)
  const { loki, megabytes, victorialogs } = parseBenchOptions(['compare', '--loki', program])
  t.same([loki, megabytes, victorialogs], [program, 335, undefined])
  const refused: [string[], string | RegExp][] = [
    [
      ['compare', '--loki', join(dir, 'missing')],
      `--loki: there is no file ${join(dir, 'missing')}`,
    ],
    [['compare', '--victorialogs', join(dir, 'directory')], 'there is no file'],
    [
      ['compare', '--victorialogs', join(dir, 'plain')],
      'plain is not executable: run chmod +x on it',
    ],
    [['agent', '--promtail', join(dir, 'missing')], '--promtail: there is no file'],
    [['query', '--against', join(dir, 'missing')], '--against: there is no file'],
    [['compare', '--grafana', 'x'], /Unknown option '--grafana'/],
    [['query', '--loki', program], '--loki goes with compare, not with query'],
    [['compare', '--url', 'http://127.0.0.1'], '--url goes with ingest, query, contention'],
    [['query', '--data', dir], '--data is about another server, so it needs --url'],
    [['query', '--keep', dir, '--url', 'http://127.0.0.1'], '--keep keeps the data of a store'],
    [['compare', '--mb', 'many'], '--mb must be a whole number above zero, not "many"'],
    [['race'], 'Say what to measure: ingest, query, contention, agent, stages, compare'],
  ]
  for (const [args, message] of refused) {
    t.throws(() => parseBenchOptions(args), { name: 'TypeError', message }, args.join(' '))
  }
})
