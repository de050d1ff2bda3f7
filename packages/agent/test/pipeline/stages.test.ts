import { writeFileSync } from 'node:fs'
import { Registry } from 'prom-client'
import { test } from 'tap'
import { createCustomMetrics } from '../../src/metrics/custom-metrics.ts'
import { makeMmdb } from './mmdb.ts'
import { runStages } from './run-stages.ts'

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
  t.strictSame(await runStages('[{cri: {}}]', cri, { finishes: true }), criWant)
  t.strictSame(await runStages('[{cri: {}}, {labels: {none: }}]', cri, { finishes: true }), criWant)
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

test('cri recognises a part of a line by the first tag', async t => {
  const parts = [
    '2024-01-01T00:00:01Z stdout P:x a',
    '2024-01-01T00:00:02Z stdout P:x:y b',
    '2024-01-01T00:00:03Z stdout F:P c',
    '2024-01-01T00:00:04Z stdout Px whole',
  ]
  const want = [
    '{job="j", stream="stdout"} 1704067203.0 abc',
    '{job="j", stream="stdout"} 1704067204.0 whole',
  ]
  t.strictSame(await runStages('[{cri: {}}]', parts), want)
  t.strictSame(await runStages('[{cri: {}}, {labels: {none: }}]', parts), want)
  t.strictSame(await runStages('[{container: {}}]', parts), want)
})

test('docker and container join the parts of a long line, on bytes and on entries alike', async t => {
  const record = (log: string, stream: string, second: number) =>
    JSON.stringify({ log, stream, time: `2024-01-01T00:00:0${second}Z` })
  const parts = [
    record('first ', 'stdout', 1),
    record('other\n', 'stderr', 2),
    record('second ', 'stdout', 3).replace('}', ',"attrs":{"tag":"x"}}'),
    'plain',
    record('third\n', 'stdout', 4),
    record('last', 'stdout', 5),
  ]
  const textOf = (all: string[]) => all.map(one => one.replace(/ \d+\.\d+ /, ' '))
  const want = (end: string) => [
    `{job="j", stream="stderr"} other${end}`,
    '{job="j"} plain',
    `{job="j", stream="stdout"} first second third${end}`,
    '{job="j", stream="stdout"} last',
  ]
  const ends = { finishes: true }
  t.strictSame(textOf(await runStages('[{docker: {}}]', parts, ends)), want('\n'))
  const onEntries = '[{docker: {}}, {output: {source: output}}]'
  t.strictSame(textOf(await runStages(onEntries, parts, ends)), want('\n'))
  t.strictSame(textOf(await runStages('[{container: {}}]', parts, ends)), want(''))
  t.strictSame(textOf(await runStages('[{docker: {}}]', parts, { tickMs: 3_000 })), want('\n'))
  t.strictSame(textOf(await runStages(onEntries, parts, { tickMs: 3_000 })), want('\n'))
})

test('container reads Docker records with other keys, and in another order', async t => {
  const records = [
    '{"log":"with a tag\\n","stream":"stderr","attrs":{"tag":"a|b"},"time":"2024-01-01T00:00:01.1Z"}',
    '{"log":"attrs last\\n","stream":"stdout","time":"2024-01-01T00:00:01.2Z","attrs":{"tag":"a"}}',
    '{"stream":"stdout","log":"other order\\n","time":"2024-01-01T00:00:01.3Z"}',
    '{ "log" : "blanks\\n", "stream" : "stderr" ,"attrs": {}, "time" : "2024-01-01T00:00:01.4Z" }',
    '{"log":"no time\\n","stream":"stdout"}',
  ]
  const want = [
    '{job="j", stream="stderr"} 1704067201.100000000 with a tag',
    '{job="j", stream="stdout"} 1704067201.200000000 attrs last',
    '{job="j", stream="stdout"} 1704067201.300000000 other order',
    '{job="j", stream="stderr"} 1704067201.400000000 blanks',
  ]
  for (const stages of ['[{container: {}}]', '[{container: {}}, {labels: {none: }}]']) {
    const out = await runStages(stages, records)
    t.strictSame(out.slice(0, 4), want)
    t.match(out[4], /no time.n/, 'what is no record passes as it is')
  }
})

test('cri passes labels on as values, even for lines in another format', async t => {
  const stages = '[{static_labels: {l: v}}, {cri: {}}, {output: {source: l}}]'
  t.same(await linesOf(stages, ['plain', cri[1]!]), [
    '{job="j", l="v"} v',
    '{job="j", l="v", stream="stderr"} v',
  ])
})

test('docker unpacks records, on bytes and on entries alike', async t => {
  t.strictSame(await runStages('[{docker: {}}]', docker), dockerWant)
  t.strictSame(await runStages('[{docker: {}}, {labels: {none: }}]', docker), dockerWant)
})

test('docker uses earlier extracted values if a line is not a record', async t => {
  const set = (name: string, value: string) => `{template: {source: ${name}, template: '${value}'}}`
  const before = [
    set('stream', 'stdout'),
    set('output', 'other'),
    set('timestamp', '2024-01-01T00:00:05Z'),
  ]
  const stages = `[${before.join(', ')}, {docker: {}}]`
  t.same(await runStages(stages, ['plain']), ['{job="j", stream="stdout"} 1704067205.0 other'])
})

test('container reads lines of either runtime', async t => {
  const records = [
    '{"log":"par","stream":"stdout","time":"2024-01-01T00:00:01Z"}',
    '{"log":"ted\\n","stream":"stdout","time":"2024-01-01T00:00:02Z"}',
    '2024-01-01T00:00:03Z stderr F cri',
  ]
  t.strictSame(await runStages('[{container: {}}]', records), [
    '{job="j", stream="stdout"} 1704067202.0 parted',
    '{job="j", stream="stderr"} 1704067203.0 cri',
  ])
})

/** Runs lines through stages and ends the file. Returns labels and lines, without times. */
const linesOf = async (stages: string, lines: readonly string[]) =>
  (await runStages(stages, lines, { finishes: true })).map(text => text.replace(/ \d+\.\d+ /, ' '))

test('regex, json and logfmt take values out of lines', async t => {
  t.same(await linesOf('[{regex: {expression: "(?P<w>o+)"}}, {labels: {w: }}]', ['foo', 'bar']), [
    '{job="j", w="oo"} foo',
    '{job="j"} bar',
  ])
  // Of groups with one name, the last counts. A class may look like a group.
  const twice = '[{regex: {expression: "(?P<w>o)[(?P<w>]?(?P<w>o)"}}, {labels: {w: }}]'
  t.same(await linesOf(twice, ['o<o', 'oo', 'oPo']), [
    '{job="j", w="o"} o<o',
    '{job="j", w="o"} oo',
    '{job="j", w="o"} oPo',
  ])
  const last = '[{regex: {expression: "(?P<1w>f)(?P<1w>o)"}}, {output: {source: 1w}}]'
  t.same(await linesOf(last, ['foo']), ['{job="j"} o'])
  const json = '[{json: {expressions: {l: level}}}, {labels: {l: }}]'
  t.same(await linesOf(json, ['{"level":"x"}', 'no JSON']), [
    '{job="j", l="x"} {"level":"x"}',
    '{job="j"} no JSON',
  ])
  const logfmt = '[{logfmt: {mapping: {a: , c: b}}}, {labels: {c: }}, {output: {source: a}}]'
  t.same(await linesOf(logfmt, ['a="x y" b=1']), ['{c="1", job="j"} x y'])
})

test('json takes JMESPath: projections, filters, functions', async t => {
  const line = '{"p":[{"n":"ab","k":"x","v":1},{"n":"bc","k":"y","v":2},{"n":"cd","k":"x","v":3}]}'
  const want: Readonly<Record<string, string>> = {
    'p[*].n': '["ab","bc","cd"]',
    "p[?k=='x'].n": '["ab","cd"]',
    'p[?v > `1`].n | [0]': 'bc',
    'max_by(p, &v).n': 'cd',
    'length(p)': '3',
  }
  for (const [expression, value] of Object.entries(want)) {
    const stages = `[{json: {expressions: {e: ${JSON.stringify(expression)}}}}, {output: {source: e}}]`
    t.same(await linesOf(stages, [line]), [`{job="j"} ${value}`], expression)
  }
})

test('template has the functions of Go and of sprig', async t => {
  const f = async (template: string, want: string) => {
    const stages = `[{template: {source: x, template: ${JSON.stringify(template)}}}, {output: {source: x}}]`
    t.same(await linesOf(stages, ['hello world']), [`{job="j"} ${want}`], template)
  }
  await f('{{ ToUpper .Entry }}', 'HELLO WORLD')
  await f('{{ if eq .job "j" }}yes{{ else }}no{{ end }}', 'yes')
  await f('{{ .Entry | trunc 5 | upper }}', 'HELLO')
  await f('{{ sha1sum "abc" }}', 'a9993e364706816aba3e25717850c26c9cd0d89d')
  await f('{{ b64enc "abc" }} {{ splitList " " .Entry | join "-" }}', 'YWJj hello-world')
  await f('{{ dict "a" 1 | toJson }} {{ default "none" .missing }}', '{"a":1} none')
  await f('{{ range $i, $w := splitList " " .Entry }}{{ $i }}{{ $w }};{{ end }}', '0hello;1world;')
})

test('replace puts other text where its groups are', async t => {
  t.same(await linesOf('[{replace: {expression: "(o)", replace: "0"}}]', ['foo']), [
    '{job="j"} f00',
  ])
  t.same(
    await linesOf(
      '[{replace: {expression: "password=(\\\\S+)", replace: "{{ len .Value }} characters"}}]',
      ['user=a password=hush'],
    ),
    ['{job="j"} user=a password=4 characters'],
  )
})

test('multiline puts lines together from one first line to the next', async t => {
  const stages = '[{multiline: {firstline: "^S", max_lines: 3}}]'
  t.same(await linesOf(stages, ['S 1', 'a', 'S 2', 'b', 'c', 'd']), [
    '{job="j"} S 1\na',
    '{job="j"} S 2\nb\nc',
    '{job="j"} d',
  ])
})

test('match runs its stages for some lines, or drops them', async t => {
  const stages = `[{match: {selector: '{job="j"} |= "x"', stages: [{static_labels: {m: "1"}}]}}]`
  t.same(await linesOf(stages, ['x', 'y']), ['{job="j", m="1"} x', '{job="j"} y'])
  t.same(await linesOf(`[{match: {selector: '{job="j"} |= "x"', action: drop}}]`, ['x', 'y']), [
    '{job="j"} y',
  ])
})

test('drop goes by text, age and size, and counts under its reason', async t => {
  const counted: string[] = []
  const context = { countDropped: (reason: string) => counted.push(reason) }
  const linesLeft = async (stages: string, lines: readonly string[]) =>
    (await runStages(stages, lines, { context })).map(text => text.replace(/^\S+ \S+ /, ''))
  t.same(await linesLeft('[{drop: {longer_than: 1}}]', ['a', 'ab']), ['a'])
  t.same(
    await linesLeft('[{drop: {expression: "^no", drop_counter_reason: why}}]', ['no', 'a no']),
    ['a no'],
  )
  const byAge = `[{regex: {expression: "^(?P<t>\\\\S+)"}}, {timestamp: {source: t, format: RFC3339}},
    {drop: {older_than: 24h}}]`
  const young = '2023-12-31T12:00:00Z'
  t.same(await linesLeft(byAge, ['2023-12-30T12:00:00Z', young]), [young])
  t.same(counted, ['drop_stage', 'why', 'drop_stage'])
})

test('limit lets so many lines through, of all or of each value of a label', async t => {
  t.same(await linesOf('[{limit: {rate: 1, burst: 2, drop: true}}]', ['a', 'b', 'c']), [
    '{job="j"} a',
    '{job="j"} b',
  ])
  const counted: string[] = []
  const countDroppedByLabel = (name: string, value: string) => counted.push(`${name}=${value}`)
  const byLabel = `[{regex: {expression: "^(?P<app>[ab])"}}, {labels: {app: }},
    {limit: {rate: 1, burst: 1, drop: true, by_label_name: app}}]`
  const lines = ['a1', 'a2', 'b1', 'b2', '-', '-']
  t.same(
    (await runStages(byLabel, lines, { context: { countDroppedByLabel } })).map(text =>
      text.slice(-2).trim(),
    ),
    ['a1', 'b1', '-', '-'],
  )
  t.same(counted, ['app=a', 'app=b'])
})

test('sampling keeps a share of the lines', async t => {
  t.same(await linesOf('[{sampling: {rate: 0}}]', ['a']), [])
  t.same(await linesOf('[{sampling: {rate: 1}}]', ['a']), ['{job="j"} a'])
  const lines = Array.from({ length: 10_000 }, (_, i) => `n ${i}`)
  const kept = (await linesOf('[{sampling: {rate: 0.3}}]', lines)).length
  // Eleven standard deviations around 3,000.
  t.ok(kept > 2_500 && kept < 3_500, `${kept} of 10,000`)
})

test('labels, static_labels, labeldrop and labelallow change the labels', async t => {
  const values = '{regex: {expression: "(?P<a>\\\\w) (?P<b>\\\\w)"}}, {labels: {a: , c: b}}'
  const f = async (more: string, want: string) =>
    t.same(await linesOf(`[${values}${more}]`, ['x y']), [`${want} x y`], more)
  await f('', '{a="x", c="y", job="j"}')
  await f(', {static_labels: {s: "1"}}', '{a="x", c="y", job="j", s="1"}')
  await f(', {labeldrop: [a, job]}', '{c="y"}')
  await f(', {labelallow: [a]}', '{a="x"}')
})

test('structured_metadata takes values and labels, each once', async t => {
  const stages = `[{json: {expressions: {trace: , user: uid}}},
    {structured_metadata: {trace: , user_id: user, team: job}}]`
  t.same(await linesOf(stages, ['{"trace":"abc","uid":7}', 'none']), [
    '{} {"trace":"abc","uid":7} trace=abc user_id=7 team=j',
    '{} none team=j',
  ])
})

test('pack puts labels into the line, decolorize takes colours out', async t => {
  t.same(await linesOf('[{pack: {labels: [job]}}]', ['a "q"']), [
    '{} {"job":"j","_entry":"a \\"q\\""}',
  ])
  t.same(await linesOf('[{decolorize: {}}]', ['\u001b[31mred\u001b[0m']), ['{job="j"} red'])
})

test('eventlogmessage takes the message of a Windows event apart', async t => {
  const stages = `[{json: {expressions: {message: }}}, {eventlogmessage: {}},
    {template: {source: out, template: "{{ .Subject }}|{{ .Name }}|{{ .With_blank }}"}}, {output: {source: out}}]`
  const message = 'Subject: the subject\r\nName:\tvalue: with colon  \r\nWith blank: x'
  t.same(await linesOf(stages, [JSON.stringify({ message })]), [
    '{job="j"} the subject|value: with colon|x',
  ])
})

test('metrics count lines, bytes and values by stream, and idle series leave', async t => {
  const registry = new Registry()
  let nowMs = 0
  const context = {
    customMetrics: createCustomMetrics(registry, () => nowMs).forLane(''),
    nowMs: () => nowMs,
  }
  const stages = `[{json: {expressions: {a: }}}, {metrics: {
    lines_total: {type: Counter, config: {action: inc, match_all: true}},
    bytes_total: {type: Counter, config: {action: add, match_all: true, count_entry_bytes: true}},
    last: {type: Gauge, source: a, max_idle_duration: 1h, config: {action: set}},
    seconds: {type: Histogram, source: a, max_idle_duration: 1h, config: {buckets: [0.1, 1]}}}}]`
  await runStages(stages, ['{"a":5}', '{"a":"500ms"}', 'x'], { context })
  const shown = await registry.metrics()
  t.match(shown, 'promtail_custom_lines_total{job="j"} 3\n')
  t.match(shown, 'promtail_custom_bytes_total{job="j"} 21\n')
  t.match(shown, 'promtail_custom_last{job="j"} 0.5\n')
  t.match(shown, 'promtail_custom_seconds_bucket{job="j",le="1"} 1\n')
  t.match(shown, 'promtail_custom_seconds_sum{job="j"} 5.5\n')
  nowMs = 10 * 60_000
  const later = await registry.metrics()
  t.notMatch(later, 'promtail_custom_lines_total{')
  t.match(later, 'promtail_custom_last{job="j"} 0.5\n')
})

test('timestamp makes the time of the line, or puts it after the last one', async t => {
  const stages = `[{regex: {expression: "^(?P<t>\\\\S+)"}}, {timestamp: {source: t, format: RFC3339}}]`
  t.strictSame(
    (await runStages(stages, ['2024-01-01T00:00:01Z a', 'broken b'])).map(
      text => text.split(' ')[1],
    ),
    ['1704067201.0', '1704067201.1'],
  )
})

test('timestamp tries further formats, in the zone that it is told', async t => {
  const stages = `[{regex: {expression: "^(?P<t>[^|]*)"}}, {timestamp: {source: t, format: UnixMs,
    fallback_formats: [RFC3339, "2006-01-02 15:04:05"], location: Europe/Berlin, action_on_failure: skip}}]`
  const lines = ['1709634030123|', '2024-03-05T10:20:30Z|', '2024-03-05 10:20:30|', 'no time|']
  const times = (await runStages(stages, lines)).map(text => text.split(' ')[1])
  const offset = lines.slice(0, 3).join('').length + 3
  t.same(times, ['1709634030.123000000', '1709634030.0', '1709630430.0', `0.${offset}`])
})

test('geoip tells where an address lies, and whose it is', async t => {
  const directory = t.testdir()
  const english = (name: string) => ({ names: { en: name } })
  const city = {
    city: english('Oxford'),
    country: english('United Kingdom'),
    continent: { ...english('Europe'), code: 'EU' },
    location: { latitude: 51.75, longitude: -1.25, time_zone: 'Europe/London' },
    postal: { code: 'OX1' },
    subdivisions: [
      { ...english('England'), iso_code: 'ENG' },
      { ...english('Oxfordshire'), iso_code: 'OXF' },
    ],
  }
  const network = { autonomous_system_number: 64_496, autonomous_system_organization: 'Example' }
  writeFileSync(`${directory}/city.mmdb`, makeMmdb([192, 0, 2], city))
  writeFileSync(`${directory}/asn.mmdb`, makeMmdb([192, 0, 2], network))
  const stages = (kind: string) =>
    `[{regex: {expression: "^(?P<ip>.*)$"}}, {geoip: {db: "${directory}/${kind}.mmdb", source: ip, db_type: ${kind}}}]`
  const names = {
    ...{ city_name: 'Oxford', continent_code: 'EU', continent_name: 'Europe' },
    ...{ country_name: 'United Kingdom', location_latitude: 51.75, location_longitude: -1.25 },
    ...{ postal_code: 'OX1', subdivision_code: 'OXF', subdivision_name: 'Oxfordshire' },
    timezone: 'Europe/London',
  }
  const labels = Object.entries(names).map(([name, value]) => `geoip_${name}="${value}"`)
  const lines = ['192.0.2.77', '192.0.3.1', 'no address']
  t.same(await linesOf(stages('city'), lines), [
    `{${labels.join(', ')}, job="j"} 192.0.2.77`,
    '{job="j"} 192.0.3.1',
    '{job="j"} no address',
  ])
  t.equal(
    (await linesOf(stages('asn'), lines))[0],
    '{geoip_autonomous_system_number="64496", geoip_autonomous_system_organization="Example", job="j"} 192.0.2.77',
  )
  writeFileSync(`${directory}/city.mmdb`, 'torn')
  await t.rejects(linesOf(stages('city'), lines), { message: /city\.mmdb cannot be read/ })
})

test('cri cuts joined lines to max_partial_line_size where it is told to', async t => {
  const stages = '[{cri: {max_partial_line_size: 10, max_partial_line_size_truncate: true}}]'
  const part = (flag: string, content: string) => `2024-01-01T00:00:01Z stdout ${flag} ${content}`
  const lines = [part('P', '123456'), part('F', '7890abc'), part('F', 'a full line is never cut')]
  t.same(await linesOf(stages, lines), [
    '{job="j", stream="stdout"} 1234567890',
    '{job="j", stream="stdout"} a full line is never cut',
  ])
})

/** Returns the value that stages leave under `out`, for each line. */
const valuesOf = async (stages: string, lines: readonly string[]) => {
  const found = await linesOf(`[${stages}, {output: {source: out}}]`, lines)
  return found.map(text => text.replace(/^\S+ /, ''))
}

test('json, docker and container keep bytes that are not UTF-8', async t => {
  const line = Buffer.from(
    '{"v":"a\xffb","o":["\xfe"],"log":"x\xffy\\n","stream":"stdout"}',
    'latin1',
  )
  const f = async (stages: string, want: string, bytes = line) => {
    const [out] = await runStages(stages, [bytes], { encoding: 'latin1' })
    t.equal(out?.replace(/^{.*?} \S+ /, ''), want, stages)
  }
  const json = (name: string) => `[{json: {expressions: {x: ${name}}}}, {output: {source: x}}]`
  await f(json('v'), 'a\xffb')
  await f(json('o'), '["\\ufffd"]')
  await f('[{docker: {}}]', 'x\xffy\n')
  const withTime = Buffer.from(
    line.toString('latin1').replace('}', ',"time":"2024-01-01T00:00:01Z"}'),
    'latin1',
  )
  await f('[{docker: {}}]', 'x\xffy\n', withTime)
  await f('[{container: {}}]', 'x\xffy', withTime)
})

test('logfmt allows bytes that are not UTF-8 in values, but not in keys', async t => {
  const stages = `[{logfmt: {mapping: {a: , b: }}}, {template: {source: out, template: '{{ .a }}|{{ .b }}'}},
    {output: {source: out}}]`
  const f = async (line: string, want: string) => {
    const options = { encoding: 'latin1' } as const
    const [out] = await runStages(stages, [Buffer.from(line, 'latin1')], options)
    t.equal(out?.replace(/^{.*?} \S+ /, ''), want, JSON.stringify(line))
  }
  // What Promtail makes of these bytes.
  const replacement = '\xef\xbf\xbd'
  await f('a=\xff b=2', '\xff|2')
  await f('a="x\xff" b=2', 'x\xff|2')
  await f('a="y\xff\\n" b=2', `y${replacement}\n|2`)
  await f('a\xff=1 b=2', '<no value>|<no value>')
  await f(`a=${replacement} b=3`, `${replacement}|3`)
  await f(`x${replacement}y=1 a=1 b=3`, '<no value>|<no value>')
})

test('json writes lists and objects like Go', async t => {
  const f = async (json: string, want: string) =>
    t.same(await valuesOf('{json: {expressions: {out: v}}}', [`{"v":${json}}`]), [want], json)
  await f('{"b":1,"a":"<&>"}', '{"a":"\\u003c\\u0026\\u003e","b":1}')
  await f('[1e21,1e-7,1.50,-0,123456789012345678901]', '[1e+21,1e-07,1.5,-0,123456789012345680000]')
  await f('["\\b\\f\\n\\u2028\\u0001"]', '["\\u0008\\u000c\\n\\u2028\\u0001"]')
})

test('json keeps a value if its expression fails on the line', async t => {
  const was = '{template: {source: out, template: was}}'
  const f = async (expression: string, want: string) => {
    const stages = `${was}, {json: {expressions: {out: "${expression}"}}}`
    t.same(
      await valuesOf(stages, ['{"t":["x"],"s":" 5","n":"5","o":{"a":"<"}}']),
      [want],
      expression,
    )
  }
  await f('sum(t)', 'was')
  await f('to_number(n)', '5')
  await f('to_string(o)', '{"a":"\\u003c"}')
  await f("'raw'", 'raw')
  const unset = async (expression: string) => {
    const stages = `[${was}, {json: {expressions: {out: "${expression}"}}}, {labels: {out: }}]`
    t.match((await linesOf(stages, ['{"s":" 5"}']))[0], /^\{job="j"\}/, expression)
  }
  await unset('to_number(s)')
  await unset('s[0:1]')
  await unset('nothing')
})

test('json treats null as an object without keys', async t => {
  const stages = '[{json: {drop_malformed: true, expressions: {a: }}}]'
  t.same(await linesOf(stages, ['null', '5', '{}']), ['{job="j"} null', '{job="j"} {}'])
})

test('json refuses what only its library counts as JMESPath', async t => {
  const refused = ['a-b', 'a + b', '$.a', 'let $x = a in $x', 'a ? b : c', 'a=b', "'a", 'nofunc(a)']
  for (const expression of refused) {
    const stages = `[{json: {expressions: {x: ${JSON.stringify(expression)}}}}]`
    await t.rejects(runStages(stages, []), /does not compile as a JMESPath/, expression)
  }
  t.same(await valuesOf('{json: {expressions: {out: "\\"a-b\\""}}}', ['{"a-b":"x"}']), ['x'])
})

test('replace extracts from the first match, and finds matches like Go', async t => {
  const show = '{template: {source: out, template: "{{ .Entry }} {{ .a }}"}}'
  const f = async (expression: string, replace: string, line: string, want: string) => {
    const stage = JSON.stringify({ expression, replace })
    t.same(await valuesOf(`{replace: ${stage}}, ${show}`, [line]), [want], expression)
  }
  await f('(?P<a>x)?y', '<{{ .Value }}>', 'y xy', 'y <x>y <no value>')
  await f('(?P<a>x)?y', '<{{ .Value }}>', 'xy y', '<x>y y <x>')
  await f('(?P<a>x)(?P<a>y)', '<{{ .Value }}>', 'xy', '<x><y> <y>')
  await f('(x*)', '-', 'axxb', '-a-b- <no value>')
  await f('(x)', '{{ .Entry }}{{ .job }}', 'axb', 'a<no value>jb <no value>')
  const own =
    '{json: {expressions: {out: }}}, {replace: {source: out, expression: "(?P<out>\\\\w+)@(\\\\w+)", replace: R}}'
  t.same(
    await valuesOf(own, ['{"out":"me@you"}']),
    ['R'],
    'a group named as the source has the last word',
  )
})

test('drop compares the existing values', async t => {
  const lines = ['{"a":"x"}', '{"a":"x","b":"y"}', '{"a":"x","b":null}', '{"c":1}', '{"a":5}']
  const f = async (body: string, kept: readonly number[]) => {
    const stages = `[{json: {expressions: {a: , b: }}}, {regex: {expression: '"a":(?P<one>.)'}}, {drop: {${body}}}]`
    t.same(
      await linesOf(stages, lines),
      kept.map(i => `{job="j"} ${lines[i]}`),
      body,
    )
  }
  await f('source: [a, b], value: x', [0, 1, 2, 3, 4])
  await f('source: [a, b], value: "x;y"', [0, 2, 3, 4])
  await f("source: [one, nothing], expression: '^.$'", [3])
  await f("source: nothing, expression: 'q*'", [])
  await f('source: a, value: 5', [0, 1, 2, 3])
  await f('source: a, value: 5.0', [0, 1, 2, 3])
})

test('logfmt accepts either kind of escaped quote', async t => {
  t.same(await valuesOf('{logfmt: {mapping: {out: a}}}', ['a="it\\\'s \\"x\\"" b=1']), [
    'it\'s "x"',
  ])
})

test('multiline has no line limit at 0', async t => {
  const many = Array.from({ length: 200 }, (_, i) => `l${i}`)
  const stages = '[{multiline: {firstline: "^S", max_lines: 0}}]'
  const want = [`{job="j"} S\n${many.join('\n')}`, '{job="j"} S']
  t.same(await linesOf(stages, ['S', ...many, 'S']), want)
})

test('timestamp adds the fraction of Unix seconds, even if they are negative', async t => {
  const stages = `[{regex: {expression: '(?P<t>.*)'}}, {timestamp: {source: t, format: Unix, action_on_failure: skip}}]`
  const f = async (text: string, want: string) =>
    t.match((await runStages(stages, [text]))[0], `{job="j"} ${want} `, text)
  await f('-1.5', '-1.500000000')
  await f('5.1234567899', '5.123456789')
  await f('5.1234567890123456789', '0.0')
})

test('match allows LogQL keywords as names, and requires stages', async t => {
  const stages = `[{static_labels: {json: "1", by: "2"}}, {match: {selector: '{json="1",by=~"2"} |= "by=x"', action: drop}}]`
  t.same(await linesOf(stages, ['by=x', 'y']), ['{by="2", job="j", json="1"} y'])
  const none = `[{match: {selector: '{a="b"}', stages: []}}]`
  await t.rejects(runStages(none, []), /needs stages/)
  t.same(await linesOf(`[{match: {selector: '{job="j"}', action: drop, stages: []}}]`, ['x']), [])
})

test('metrics count like Promtail: default buckets, any case, infinities', async t => {
  const registry = new Registry()
  const customMetrics = createCustomMetrics(registry, () => 0).forLane('')
  const rules = {
    latency: { type: 'Histogram', source: 'v' },
    sum: { type: 'Gauge', source: 'v', config: { action: 'Set' } },
    up: { type: 'Counter', source: 'v', config: { action: 'add', value: '-3' } },
    all: { type: 'Counter', config: { action: 'add', match_all: true } },
  }
  const stages = `[{regex: {expression: 'v=(?P<v>.*)'}}, {metrics: ${JSON.stringify(rules)}}]`
  await runStages(stages, ['v=0.3', 'v=-3', 'v=0x1p1', 'v=inf', 'x'], {
    context: { customMetrics },
  })
  const text = await registry.metrics()
  t.match(text, /latency_bucket\{job="j",le="0.25"\} 1\n/)
  t.match(text, /latency_bucket\{job="j",le="10"\} 3\n/)
  t.match(text, /latency_count\{job="j"\} 4\n/)
  t.match(text, /sum\{job="j"\} \+?Inf\n/)
  t.match(text, /custom_up\{job="j"\} 0\n/, 'a counter never goes down')
  t.match(text, /custom_all\{job="j"\} 0\n/, 'a line as a whole is no number to add')
})

test('pack writes bytes that are not UTF-8 like Go', async t => {
  t.same(await linesOf('[{pack: {labels: [job]}}]', ['a\b<']), [
    '{} {"job":"j","_entry":"a\\u0008\\u003c"}',
  ])
})

test('eventlogmessage makes names like Promtail', async t => {
  const message = { message: '1st: a\r\nSp ace: b\r\nT: \u00a0x\u0085' }
  const stages =
    '[{json: {expressions: {message: }}}, {eventlogmessage: {}}, {labels: {_st: , Sp_ace: , T: }}]'
  t.match(
    (await linesOf(stages, [JSON.stringify(message)]))[0],
    '{Sp_ace="b", T="x", _st="a", job="j"}',
  )
})

test('a number counts as a string only where Promtail accepts one', async t => {
  await t.resolves(runStages('[{multiline: {firstline: 5}}, {pack: {labels: [5]}}]', []))
  await t.resolves(runStages('[{limit: {rate: 1, burst: 1, drop: 1}}]', []))
  await t.resolves(runStages('[{sampling: {rate: 1, drop_counter_reason: 5}}]', []))
  const refused = [
    '{logfmt: {mapping: {a: 5}}}',
    '{static_labels: {a: .inf}}',
    '{static_labels: {a: 0b11}}',
    '{regex: {expression: 5}}',
    '{drop: {source: a, value: true}}',
    '{metrics: {a: {type: Histogram, config: {buckets: ["1"]}}}}',
  ]
  for (const stage of refused) await t.rejects(runStages(`[${stage}]`, []), /must be/, stage)
})

test('template reads the environment', async t => {
  const template = `{{ env "NODE" }} {{ expandenv "$NODE" }}`
  const stages = `[{template: {source: out, template: '${template}'}}, {output: {source: out}}]`
  t.match(await runStages(stages, ['x'], { env: { NODE: 'n-1' } }), [/ n-1 n-1$/])
})

test('pack writes the line once, even if a value has the same name', async t => {
  const stages = "[{regex: {expression: '^(?P<_entry>.)'}}, {pack: {labels: [_entry, job]}}]"
  t.strictSame(await runStages(stages, ['hello']), ['{} 0.0 {"job":"j","_entry":"hello"}'])
})
