import { parseYaml } from '@skald/config-reading'
import { readRelabelRules, relabel } from '@skald/config-reading/relabel'
import { test } from 'tap'

function apply(rulesText: string, labels: Record<string, string>) {
  const { root, problems } = parseYaml(rulesText)
  const rules = readRelabelRules(root)
  if (problems[0]) throw new Error(problems[0].message)
  const result = relabel(new Map(Object.entries(labels)), rules)
  return result && Object.fromEntries(result)
}

test('relabel knows every action', async t => {
  const f = (rule: string, labels: Record<string, string>, want: object | undefined) =>
    t.strictSame(apply(`[${rule}]`, labels), want, rule)
  f('{source_labels: [a, b], target_label: c}', { a: 'x', b: 'y' }, { a: 'x', b: 'y', c: 'x;y' })
  f(
    '{source_labels: [a], regex: "(.)(.)", replacement: "$2${1}", target_label: a}',
    { a: 'xy' },
    {
      a: 'yx',
    },
  )
  f('{source_labels: [a], regex: no, target_label: b}', { a: 'x' }, { a: 'x' })
  f('{source_labels: [a], action: keep, regex: x}', { a: 'y' }, undefined)
  f('{source_labels: [a], action: drop, regex: x}', { a: 'y' }, { a: 'y' })
  f(
    '{source_labels: [a], action: keepequal, target_label: b}',
    { a: 'x', b: 'x' },
    {
      a: 'x',
      b: 'x',
    },
  )
  f('{source_labels: [a], action: dropequal, target_label: b}', { a: 'x', b: 'x' }, undefined)
  f('{action: labelmap, regex: "m_(.+)"}', { m_a: '1' }, { m_a: '1', a: '1' })
  f('{action: labeldrop, regex: "m_.*"}', { m_a: '1', b: '2' }, { b: '2' })
  f('{action: LabelKeep, regex: "m_.*"}', { m_a: '1', b: '2' }, { m_a: '1' })
  f('{source_labels: [a], action: uppercase, target_label: a}', { a: 'x' }, { a: 'X' })
  f(
    '{source_labels: [a], action: hashmod, modulus: 10, target_label: h}',
    { a: 'x' },
    {
      a: 'x',
      h: '6',
    },
  )
})

test('relabel treats a key without a value as an empty string', async t => {
  const f = (rule: string, want: object) =>
    t.strictSame(apply(`[${rule}]`, { a: 'x', b: 'ß' }), want, rule)
  f('{source_labels: [a, b], separator: , target_label: a}', { a: 'xß', b: 'ß' })
  f('{source_labels: [a], replacement: , target_label: a}', { b: 'ß' })
  f('{source_labels: [a], regex: , target_label: b, replacement: hit}', { a: 'x', b: 'ß' })
  f('{source_labels: [b], action: uppercase, target_label: a}', { a: 'ß', b: 'ß' })
  t.throws(() => apply('[{action: , target_label: b}]', {}), /cannot be empty/)
})

test('relabel treats keys set to their default as absent', async t => {
  const full = 'separator: ;, replacement: $1'
  t.strictSame(apply(`[{action: labeldrop, regex: a, ${full}, modulus: 0}]`, { a: 'x', b: 'y' }), {
    b: 'y',
  })
  t.strictSame(apply(`[{action: labelkeep, regex: a, ${full}}]`, { a: 'x', b: 'y' }), { a: 'x' })
  const lower = `[{action: lowercase, source_labels: [a], target_label: a, ${full}}]`
  t.strictSame(apply(lower, { a: 'X' }), { a: 'x' })
  const equal = `[{action: keepequal, source_labels: [a], target_label: b, ${full}}]`
  t.strictSame(apply(equal, { a: 'x', b: 'y' }), undefined)
  t.throws(() => apply('[{action: labeldrop, regex: a, separator: x}]', {}), /takes only regex/)
})

test('relabel reads a modulus as a whole number in any form', async t => {
  const f = (modulus: string) =>
    apply(`[{source_labels: [a], action: hashmod, modulus: ${modulus}, target_label: h}]`, {
      a: 'x',
    })
  for (const modulus of ['1000', '1_000', '1e3', '1000.0', '0x3e8']) {
    t.strictSame(f(modulus), f('1000'), modulus)
  }
  for (const modulus of ['"1000"', '1.5', '-1', 'x']) t.throws(() => f(modulus), /modulus/, modulus)
  t.throws(() => apply('[{source_labels: [a], target_label: "${1"}]', {}), /invalid target_label/)
})
