import { createLabelSet } from '@skald/wire'
import fc from 'fast-check'
import { test } from 'tap'
import { BlockText } from '../../src/pipeline/block-text.ts'
import { createLabelMap } from '../../src/pipeline/labels.ts'
import { Line } from '../../src/pipeline/line.ts'
import { compilePipeline } from '../../src/stages/compile.ts'
import { definitionOf, type Stage } from '../../src/stages/stage-table.ts'
import { parseLogQuery } from '../../src/syntax/parser.ts'

type Labels = Readonly<Record<string, string>>

function stagesOf(text: string): readonly Stage[] {
  return parseLogQuery(`{a="b"} ${text}`).stages
}

function mapOf(labels: Labels) {
  return createLabelMap(createLabelSet(labels))
}

// Returns the labels of a line after stages: compiled as a pipeline, or one by one.
function labelsOf(
  stages: readonly Stage[],
  { bytes, stream, metadata }: { bytes: Buffer; stream: Labels; metadata: Labels },
  { isPipeline, stopsEarly }: { isPipeline: boolean; stopsEarly: boolean },
): unknown {
  const needs = { names: new Set(['x', 'y', 'app']), stopsEarly }
  const run = isPipeline
    ? compilePipeline(stages, needs).stages
    : stages.map(stage => definitionOf(stage).compile(stage, needs))
  const line = new Line()
  const column = { bytes: Buffer.from(`${bytes.toString('latin1')}\n`, 'latin1') }
  const text = new BlockText({ ...column, offsets: Uint32Array.of(0, bytes.length + 1) }, 1)
  if (isPipeline) line.useStored(() => text, 0)
  else line.text = bytes.toString()
  line.labels.reset(mapOf(stream), mapOf(metadata))
  const passes = run.every(stage => stage(line))
  return passes && { ...line.labels.categorize(), hasParserError: line.labels.hasParserError }
}

const stages = [
  ...[
    '| json',
    '| logfmt',
    '| pattern "<_>=<x> <y>,<_>"',
    '| regexp "(?P<x>[a-z]+)=(?P<y>[^ ]*) "',
  ],
  ...[
    '| json | logfmt',
    '| drop app | logfmt',
    '| logfmt | json',
    '| json | x="1"',
    '| json y="a.b"',
  ],
].map(stagesOf)
const piece = fc.constantFrom(
  ...['"', '{', '}', '[1]', ':', ',', ' ', '=', '\\', '\n', 'é', '\ufffd', '0', '-1.5', 'x=', 'y='],
  ...[
    '"x":',
    '"x":1,',
    '"y":"a b"',
    'y="a b" ',
    '"app":"c"',
    'app=c ',
    'x=1 ',
    '"a":{"b":1}',
    'true',
  ],
)
const bytes = fc
  .tuple(fc.array(piece, { maxLength: 9 }), fc.boolean(), fc.boolean())
  .map(([parts, isObject, isDamaged]) => {
    const text = Buffer.from(isObject ? `{${parts.join('')}}` : parts.join(''))
    if (isDamaged && text.length > 3) text[3] = 0xff
    return text
  })
const origin = fc.constantFrom<{ stream: Labels; metadata: Labels }>(
  { stream: {}, metadata: {} },
  { stream: { app: 'a' }, metadata: {} },
  { stream: { job: 'j' }, metadata: { x: 'm' } },
)

test('A parser on stored bytes sets the labels that it sets on text', async t => {
  let count = 0
  fc.assert(
    fc.property(
      fc.constantFrom(...stages),
      bytes,
      origin,
      fc.boolean(),
      (parsed, text, labels, stopsEarly) => {
        const line = { bytes: text, ...labels }
        const found = JSON.stringify(labelsOf(parsed, line, { isPipeline: true, stopsEarly }))
        if (found.includes('"name":"y"')) count++
        return found === JSON.stringify(labelsOf(parsed, line, { isPipeline: false, stopsEarly }))
      },
    ),
    { numRuns: 10_000, seed: 9 },
  )
  t.ok(count > 300, `${count} lines have a label`)
})
