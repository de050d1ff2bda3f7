// Anyone who writes a log line, sends a message or names a file may choose the worst possible input. Twice
// the input may take twice the time, but not four times.

import { parseYaml } from '@skald/config-reading'
import { readRelabelRules, relabel } from '@skald/config-reading/relabel'
import { cutSyslogFrames } from '@skald/wire/syslog-frames'
import { parseSyslog } from '@skald/wire/syslog-message'
import { t as root, test } from 'tap'
import { expectLinear, type LinearCase, repeat } from '../../../test/linear-time.ts'
import { loadAgentConfig } from '../src/config/load-config.ts'
import { compileGlob } from '../src/files/glob.ts'
import { LabelState } from '../src/line/label-state.ts'
import { LineOrigin } from '../src/line/line-origin.ts'
import { Pipeline } from '../src/pipeline/pipeline.ts'
import { loadStageReader } from '../src/pipeline/registry.ts'
import { GelfAssembler } from '../src/sources/gelf-message.ts'
import { parseJournalEntry } from '../src/sources/journal-entry.ts'
import { splitLines } from '../src/sources/split-lines.ts'
import { consumeLines } from '../src/tail/line-reader.ts'
import { stageContext } from './pipeline/run-stages.ts'

// For the whole file.
root.setTimeout(240_000)

function linear<I>(name: string, of: LinearCase<I>): void {
  test(`${name} costs twice as much for twice as much`, async t => {
    await expectLinear(t, name, of)
  })
}

/** Makes a function that runs lines through stages. */
async function stagesOf(text: string): Promise<(lines: readonly Buffer[]) => void> {
  const { root, problems } = parseYaml(text)
  const readStages = await loadStageReader([root], {})
  const stages = readStages(root)!
  if (problems[0]) throw new Error(problems[0].message)
  const { length } = stages
  if (length === 0) throw new Error('no stages')
  return lines => {
    const pipeline = new Pipeline(
      stages.map(create => create(stageContext)),
      { add: () => {} },
    )
    const origin = new LineOrigin({ name: 'f', readTime: () => 1n })
    const consumer = pipeline.open(origin, new LabelState(new Map([['job', 'j']])))
    for (const [i, line] of lines.entries()) consumer.consume(line, 0, line.length, i)
    pipeline.finish(origin)
  }
}

/** Lines with one long text each, for a list of stages. */
const longLines: readonly (readonly [
  stages: string,
  patterns: Readonly<Record<string, (size: number) => string>>,
])[] = [
  [
    '[{logfmt: {mapping: {a: , b: }}}]',
    {
      'keys without values': repeat('a '),
      'equals signs': repeat('a='),
      'quotes that open': repeat('a="'),
      escapes: size => `a="${'\\"'.repeat(size / 2)}`,
      'an escaped text': size => `a="${'\\n'.repeat(size / 2)}"`,
      blanks: size => `${' '.repeat(size)}"`,
      'a long key': repeat('a'),
      pairs: repeat('a=1 b="2" '),
    },
  ],
  [
    '[{json: {expressions: {a: , b: "a.b[0]"}, drop_malformed: true}}]',
    {
      'lists in lists': repeat('{"a":['),
      'lists that end': size => `{"a":${'['.repeat(size / 2)}${']'.repeat(size / 2)}}`,
      objects: size => `${'{"a":'.repeat(size / 6)}1${'}'.repeat(size / 6)}`,
      keys: size => `{${'"a":1,'.repeat(size / 6)}"b":2}`,
      'different keys': size =>
        `{${Array.from({ length: size / 12 }, (_, i) => `"k${i}":1,`).join('')}"a":2}`,
      escapes: size => `{"a":"${'\\u0041'.repeat(size / 6)}"}`,
      'lone surrogates': size => `{"a":"${'\\ud800'.repeat(size / 6)}"}`,
      'control characters behind an escape': size => `{"a":"\\n${'\t'.repeat(size)}"}`,
      'escapes and control characters': size => `{"a":"${'\\n\t'.repeat(size / 3)}"}`,
      digits: size => `{"a":${'1'.repeat(size)}}`,
      blanks: size => `{"a":\t${' '.repeat(size)}x}`,
      'a text without end': size => `{"a":"\\n${'x'.repeat(size)}`,
      'a list of texts': size => `{"a":[${'"<\\u2028",'.repeat(size / 10)}1]}`,
    },
  ],
  [
    "[{regex: {expression: '(?P<a>(x+x+)+y)'}}, {regex: {expression: '(?P<b>.*)a(.*)b(.*)c$'}}, {regex: {expression: '(?P<d>x*)y'}}]",
    { x: repeat('x'), ab: repeat('ab') },
  ],
  [
    '[{regex: {expression: \'^(?P<ip>\\S+) (?P<user>\\S+) \\[(?P<t>[^\\]]+)\\] "(?P<r>[^"]*)" (?P<s>\\d+)$\'}}]',
    { blanks: repeat('a '), brackets: repeat('a a [a'), 'one word': repeat('a') },
  ],
  [
    "[{replace: {expression: '(a)(b)?', replace: '{{ .Value | ToUpper }}'}}, {replace: {expression: '(x*)y', replace: ''}}]",
    { matches: repeat('ab'), none: repeat('c') },
  ],
  [
    `[{template: {source: out, template: '{{ Replace .Entry "a" "b" -1 | TrimSpace | ToUpper | trunc 100000000 }}'}}]`,
    { matches: repeat('a '), none: repeat('c') },
  ],
  [
    `[{template: {source: out, template: '{{ regexReplaceAll "(a)(.)" .Entry "$2$1" | nospace | quote }}'}}]`,
    { matches: repeat('ab'), blanks: repeat(' '), quotes: repeat('"') },
  ],
  [
    `[{template: {source: out, template: '{{ .Entry | wrap 10 | snakecase | trimAll "x" }}{{ splitList "a" .Entry | join "b" }}{{ .Entry | b64enc | b64dec | indent 2 }}'}}]`,
    { words: repeat('Ab '), 'one word': repeat('a'), 'line feeds': repeat('\n') },
  ],
  [
    '[{docker: {}}, {labels: {x: }}]',
    {
      escapes: size =>
        `{"log":"${'\\n'.repeat(size / 2)}","stream":"stdout","time":"2024-01-01T00:00:00Z"}`,
      'a cut record': size => `{"log":"${'\\"'.repeat(size / 2)}`,
    },
  ],
  [
    '[{docker: {}}]',
    {
      escapes: size =>
        `{"log":"${'\\u00e9'.repeat(size / 6)}","stream":"stdout","time":"2024-01-01T00:00:00Z"}`,
      attrs: size =>
        `{"log":"a\\n","stream":"stdout","attrs":{"a":"${'\\"'.repeat(size / 2)}"},"time":"2024-01-01T00:00:00Z"}`,
    },
  ],
  [
    '[{cri: {}}, {labels: {x: }}]',
    {
      'no blank': repeat('x'),
      blanks: repeat(' '),
      tags: size => `2024-01-01T00:00:00Z stdout ${'P:'.repeat(size / 2)} x`,
    },
  ],
  ['[{container: {}}]', { 'no blank': repeat('x'), braces: repeat('{"log":"') }],
  [
    `[{match: {selector: '{job="j"} |= "x" != "y" |~ "(a+)+b" !~ "c.*d"', action: drop}}]`,
    { a: repeat('a'), xa: repeat('xa'), cd: repeat('c') },
  ],
  ["[{drop: {expression: '(.*)(.*)(.*)z', longer_than: 1}}]", { x: repeat('x') }],
  [
    '[{decolorize: {}}]',
    {
      starts: repeat('\x1b['),
      parameters: size => `\x1b[${'1;'.repeat(size / 2)}`,
      colours: repeat('\x1b[31mx'),
    },
  ],
  [
    '[{template: {source: m, template: "{{ .Entry }}"}}, {eventlogmessage: {source: m}}]',
    {
      ends: repeat('\r\n'),
      pairs: repeat('a: b\r\n'),
      colons: repeat(':'),
      blanks: repeat('\t '),
      'a long key': size => `${'a '.repeat(size / 2)}: b`,
    },
  ],
  [
    '[{template: {source: v, template: "{{ .Entry }}"}}, {labels: {v: }}, {structured_metadata: {v: }}, {pack: {labels: [v]}}]',
    { quotes: repeat('"\\'), html: repeat('<&>') },
  ],
  [
    '[{template: {source: v, template: "{{ .Entry }}"}}, {timestamp: {source: v, format: "2006-01-02 15:04:05.000 MST", fallback_formats: [RFC3339Nano, Unix, UnixNs, "Mon Jan _2"]}}]',
    {
      digits: repeat('1'),
      blanks: repeat(' '),
      letters: repeat('Mon'),
      'a fraction': size => `2024-01-01T00:00:00.${'1'.repeat(size)}Z`,
      seconds: size => `2024-01-01 00:00:00.000 ${'A'.repeat(size)}`,
    },
  ],
  [
    '[{template: {source: v, template: "{{ .Entry }}"}}, {metrics: {m: {type: Gauge, description: d, source: v, config: {action: set}}}}]',
    { digits: repeat('1'), durations: repeat('1h'), signs: repeat('-') },
  ],
]

for (const [stages, patterns] of longLines) {
  for (const [what, make] of Object.entries(patterns)) {
    test(`${what} through ${stages}`, async t => {
      const run = await stagesOf(stages)
      await expectLinear(t, what, {
        input: size => [Buffer.from(make(size))],
        run: (lines: readonly Buffer[]) => run(lines),
      })
    })
  }
}

/** Many short lines. */
const manyLines: readonly (readonly [stages: string, line: (i: number) => string])[] = [
  ["[{multiline: {firstline: '^START', max_lines: 0}}]", i => (i === 0 ? 'START' : 'x')],
  ["[{multiline: {firstline: '^START', max_lines: 0}}]", () => 'START'],
  ['[{cri: {}}]', () => '2024-01-01T00:00:00Z stdout P x'],
  ['[{cri: {}}, {labels: {x: }}]', () => '2024-01-01T00:00:00Z stdout P x'],
  ['[{docker: {}}]', () => '{"log":"x","stream":"stdout","time":"2024-01-01T00:00:00Z"}'],
  [
    '[{docker: {}}, {labels: {x: }}]',
    () => '{"log":"x","stream":"stdout","time":"2024-01-01T00:00:00Z"}',
  ],
  [
    "[{regex: {expression: '^(?P<v>.*)$'}}, {labels: {v: }}, {limit: {rate: 1, burst: 1, drop: true, by_label_name: v}}]",
    i => `v${i}`,
  ],
  [
    "[{regex: {expression: '^(?P<v>.*)$'}}, {labels: {v: }}, {cri: {}}]",
    i => `2024-01-01T00:00:00Z stdout P x${i}`,
  ],
  [
    "[{regex: {expression: '^(?P<v>.*)$'}}, {labels: {v: }}, {multiline: {firstline: '^v'}}]",
    i => `v${i}`,
  ],
]

for (const [stages, line] of manyLines) {
  test(`Many lines of ${JSON.stringify(line(1))} through ${stages}`, async t => {
    const run = await stagesOf(stages)
    await expectLinear(t, 'lines', {
      input: size => Array.from({ length: size / 64 }, (_, i) => Buffer.from(line(i))),
      run,
      sizeMax: 32 * 1024 * 1024,
    })
  })
}

/** Splits a connection's text into pieces. */
function pieces(text: string, pieceBytes: number): Buffer[] {
  const bytes = Buffer.from(text)
  const found: Buffer[] = []
  for (let at = 0; at < bytes.length; at += pieceBytes)
    found.push(bytes.subarray(at, at + pieceBytes))
  return found
}

async function* each(chunks: readonly Buffer[]) {
  yield* chunks
}

const frames: Readonly<Record<string, (size: number) => Buffer[]>> = {
  // In single bytes, most of the time is that of promises, which the test library counts.
  'a message in small pieces': size => pieces(`<1>${'x'.repeat(size)}`, 16),
  'a counted message in small pieces': size => pieces(`${size} ${'x'.repeat(size)}`, 16),
  'small counted messages': size => pieces('3 <1>'.repeat(size / 5), 65_536),
  'small counted messages without an end': size => pieces('4 <1>x'.repeat(size / 6), 65_536),
  'line feeds behind a message': size => pieces(`<1>a${'\n'.repeat(size)}`, 65_536),
  'lines of a message': size => pieces(`<1>a${'\nb'.repeat(size / 2)}`, 65_536),
  digits: size => pieces('12345678901'.repeat(size / 11), 7),
}
for (const [what, make] of Object.entries(frames)) {
  linear(`Syslog framing, ${what},`, {
    input: make,
    run: async chunks => {
      for await (const _ of cutSyslogFrames(each(chunks), 1 << 28));
    },
  })
}

const messages: Readonly<Record<string, (size: number) => string>> = {
  quotes: size => `<13>1 - h a p m [id a="${'\\"'.repeat(size / 2)}`,
  parameters: size => `<13>1 - h a p m [id${' a="b"'.repeat(size / 6)}] x`,
  elements: size => `<13>1 - h a p m ${'[id]'.repeat(size / 4)} x`,
  blanks: size => `<13>1 - h a p m [id${' '.repeat(size)}`,
  'a long word': size => `<13>${'x'.repeat(size)}`,
  'an old message': size => `<13>Feb  5 17:32:18 h ${'t'.repeat(size)}`,
}
for (const [what, make] of Object.entries(messages)) {
  linear(`Syslog messages, ${what},`, {
    input: make,
    run: text => parseSyslog(text, { format: 'rfc5424', nowNs: 0n, timeZone: 'UTC' }),
  })
}

linear('Splitting a stream into lines, a line in single bytes,', {
  input: size => pieces('x'.repeat(size), 1),
  run: async chunks => {
    for await (const _ of splitLines(each(chunks), 1 << 28));
  },
})
linear('Cutting lines of UTF-16, line feeds off the border,', {
  input: size => Buffer.from('\u0a0a\u010a'.repeat(size / 4), 'utf16le'),
  run: bytes =>
    consumeLines(
      bytes,
      { start: 0, end: bytes.length, offset: 0, lineFeed: Buffer.from([10, 0]) },
      { consume: () => {} },
    ),
})

const paths: Readonly<
  Record<string, readonly [pattern: (size: number) => string, path: (size: number) => string]>
> = {
  stars: [() => '/a*a*a*a*a*b', size => `/${'a'.repeat(size)}`],
  'double stars': [() => '/**/a/**/a/**/b', repeat('/a')],
  alternatives: [() => '/{a,aa,aaa}*{a,aa}*b', size => `/${'a'.repeat(size)}`],
  'a long pattern of stars': [repeat('*a'), () => 'a'.repeat(200)],
  'a long pattern of double stars': [repeat('/**/a'), () => '/a'.repeat(100)],
  'a long pattern of classes': [repeat('[a-z]'), repeat('a')],
}
for (const [what, [pattern, path]] of Object.entries(paths)) {
  linear(`Globs, ${what},`, {
    input: size => [pattern(size), path(size)] as const,
    run: ([glob, candidate]) => compileGlob(glob).matches(candidate),
    sizeMax: 512 * 1024,
  })
}

const rules = parseYaml(`
- {source_labels: [a], regex: '(.*)(.*)(.*)x', target_label: b}
- {source_labels: [a], regex: '(a+)+', target_label: c, replacement: '$1$1'}
- {action: labelmap, regex: 'l(.+)', replacement: 'm$1'}
- {action: lowercase, source_labels: [a], target_label: d}
- {action: hashmod, source_labels: [a], target_label: e, modulus: 8}
- {action: labeldrop, regex: 'x.*y'}
`)
const relabelRules = readRelabelRules(rules.root)!
linear('Relabelling, long values,', {
  input: size => new Map([['a', 'a'.repeat(size)]]),
  run: labels => relabel(labels, relabelRules),
})
linear('Relabelling, many labels,', {
  input: size => new Map(Array.from({ length: size / 16 }, (_, i) => [`l${i}`, 'v'] as const)),
  run: labels => relabel(labels, relabelRules),
})

linear('GELF, chunks of many messages,', {
  input: size =>
    Array.from({ length: size / 16 }, (_, i) => {
      const chunk = Buffer.alloc(13)
      chunk.writeUInt16BE(0x1e0f)
      chunk.writeUInt32BE(i, 2)
      chunk[11] = 2
      return chunk
    }),
  run: chunks => {
    const assembler = new GelfAssembler()
    for (const [i, chunk] of chunks.entries()) assembler.take(chunk, 'a', i)
  },
})
linear('Journal entries, bytes as numbers,', {
  input: size =>
    Buffer.from(
      `{"__CURSOR":"c","__REALTIME_TIMESTAMP":"1","MESSAGE":[${'1,'.repeat(size / 2)}1]}`,
    ),
  run: line => parseJournalEntry(line),
})

const configs: Readonly<Record<string, (size: number) => string>> = {
  jobs: size =>
    `clients: [{url: "http://a/"}]\nscrape_configs:\n${Array.from(
      { length: size / 64 },
      (_, i) => `- {job_name: j${i}, static_configs: [{labels: {__path__: /a}}]}\n`,
    ).join('')}`,
  labels: size =>
    `clients: [{url: "http://a/"}]\nscrape_configs: [{job_name: a, static_configs: [{labels: {__path__: /a${Array.from(
      { length: size / 8 },
      (_, i) => `, l${i}: v`,
    ).join('')}}}]}]`,
  stages: size =>
    `clients: [{url: "http://a/"}]\nscrape_configs: [{job_name: a, static_configs: [{labels: {__path__: /a}}], pipeline_stages: [${'{decolorize: {}}, '.repeat(size / 18)}{decolorize: {}}]}]`,
  'unknown keys': size => Array.from({ length: size / 8 }, (_, i) => `k${i}: 1\n`).join(''),
  'a long unknown key': size => `${'k'.repeat(size)}: 1`,
  'lists in lists': size => `a: ${'['.repeat(Math.min(size / 64, 2_000))}`,
  'groups that are looked up': size => `# ${'${1}\n# '.repeat(size / 7)}`,
  'variables in variables': size =>
    `# ${'${A:-'.repeat(Math.min(size / 32, 3_000))}x${'}'.repeat(Math.min(size / 32, 3_000))}`,
  'braces without end': repeat('${A:-'),
}
for (const [what, make] of Object.entries(configs)) {
  linear(`Configuration, ${what},`, {
    input: make,
    run: text =>
      loadAgentConfig({ text, path: 'a.yaml', expandEnv: true, env: {} }).catch(() => undefined),
    sizeMax: 512 * 1024,
  })
}
