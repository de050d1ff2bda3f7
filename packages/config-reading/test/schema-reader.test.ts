import { isDeepStrictEqual } from 'node:util'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { test } from 'tap'
import { parseYaml } from '../src/index.ts'
import { createSchemaReader, type Schema } from '../src/schema-reader.ts'

/** Reads a text by a schema. Problems are `line:column message`. */
function read(text: string, schema: Schema) {
  const { root, problems } = parseYaml(text)
  const value = createSchemaReader(schema)(root)
  return { value, problems: problems.map(p => `${p.line}:${p.column} ${p.message}`) }
}

const inner = {
  type: 'object',
  properties: {
    on: { type: 'boolean', default: true },
    names: { type: 'array', items: { type: 'string' }, default: [] },
  },
  required: ['on', 'names'],
  additionalProperties: false,
  default: {},
} as const

const schema: Schema = {
  type: 'object',
  properties: {
    name: { type: 'string', default: 'x' },
    port: { type: 'integer', minimum: 0, maximum: 9, default: 1 },
    rate: { anyOf: [{ type: 'number', minimum: 0 }, { type: 'null' }], default: null },
    wait: { anyOf: [{ type: 'string' }, { const: 0 }], form: 'duration', default: '1s' },
    size: { anyOf: [{ type: 'string' }, { type: 'integer' }], form: 'bytes', default: '1KB' },
    until: { form: 'time', default: '' },
    mode: { enum: ['', 'fast', 'slow'], default: '' },
    kinds: { anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'string' }] },
    inner,
    rules: {
      type: 'array',
      items: {
        type: 'object',
        properties: { key: { type: 'string' }, n: { type: 'integer', default: 0 } },
        required: ['key'],
      },
      default: [],
    },
    other: { isUnfollowed: true },
  },
  additionalProperties: false,
}

test('defaults are filled in at every depth, and each reading has its own', async t => {
  const defaults = {
    ...{ name: 'x', port: 1, rate: null, wait: '1s', size: '1KB', until: '', mode: '' },
    ...{ inner: { on: true, names: [] }, rules: [] },
  }
  t.same(read('{}', schema).value, defaults)
  t.same(
    read('name:\ninner:\n  on:\n', schema).value,
    defaults,
    'keys without a value count as absent',
  )
  const reader = createSchemaReader(schema)
  const [a, b] = ['{}', '{}'].map(text => reader(parseYaml(text).root) as { rules: unknown[] })
  a!.rules.push(1)
  t.same(b!.rules, [])
})

test('values are read like everywhere, and those of a form are kept as written', async t => {
  const text =
    'name: 80\nport: 0x8\nrate: 1.5\nwait: 7d\nsize: 1024\nuntil: 2030-01-01\nmode: slow\nkinds: a\ninner: {on: no, names: [1, yes]}\nrules: [{key: a}]\nother: {a: [1, off]}\n'
  t.strictSame(read(text, schema), {
    value: {
      ...{ name: '80', port: 8, rate: 1.5, wait: '7d', size: 1024, until: '2030-01-01' },
      ...{ mode: 'slow', kinds: 'a', inner: { on: false, names: ['1', 'yes'] } },
      rules: [{ key: 'a', n: 0 }],
      other: { a: [1, false] },
    },
    problems: [],
  })
  t.match(read('wait: 0\nuntil: 0\nkinds: [a, b]', schema).value, {
    wait: 0,
    until: 0,
    kinds: ['a', 'b'],
  })
})

test('every mistake is found in one run, and the bad key gets its default', async t => {
  const text = `name: [a]
port: 10
rate: -1
wait: 30
size: big
until: soon
mode: slwo
kinds: {}
inner: {on: perhaps, names: {}, onn: 1}
rules: [{n: 1}, {key: a, n: x}, {key: b}, ~]
prot: 1
`
  const { value, problems } = read(text, schema)
  t.same(problems, [
    '1:1 name must be a string, found a list',
    '2:1 port must be at most 9, found the number 10',
    '3:1 rate must not be negative, found the number -1',
    '4:1 wait must be a duration such as 30s, 10m or 7d, found the number 30',
    '5:1 size must be a byte size such as 256KB or 1048576, found the text "big"',
    '6:1 until must be a time such as 2025-01-31T12:00:00Z, found the text "soon"',
    '7:1 mode must be one of fast, slow, found the text "slwo": did you mean slow?',
    '8:1 kinds must be a list or a string, found a map',
    '9:9 inner.on must be true or false, found the text "perhaps"',
    '9:22 inner.names must be a list, found a map',
    '9:33 Unknown key onn in inner: did you mean on?',
    '10:9 rules[0] needs the key key',
    '10:26 rules[1].n must be a whole number, found the text "x"',
    '10:43 rules[3] is empty',
    '11:1 Unknown key prot in the configuration: did you mean port?',
  ])
  t.match(value, { name: 'x', port: 1, wait: '1s', inner: { on: true, names: [] } })
  t.same((value as { rules: unknown }).rules, [{ key: 'b', n: 0 }], 'bad items are left out')
})

test('maps with free keys keep them', async t => {
  const free: Schema = { type: 'object', additionalProperties: { ...inner, required: [] } }
  t.same(read('a: {on: no}\n__proto__: {}\nc:\n', free).value, {
    a: { on: false, names: [] },
    ['__proto__']: { on: true, names: [] },
    c: { on: true, names: [] },
  })
})

test('a schema with a word that the reader does not know throws', async t => {
  const f = (bad: object, message: RegExp) =>
    t.throws(() => createSchemaReader(bad as Schema), { name: 'TypeError', message })
  f({ type: 'string', pattern: 'a' }, /at the top level: the word pattern is unknown/)
  f(
    { type: 'object', properties: { a: { type: 'array', items: { minLength: 1 } } } },
    /at a\[\]: the word minLength/,
  )
  f({ type: 'date' }, /the type date is unknown/)
  f({ type: 'string', minimum: 1 }, /the word minimum is unknown/)
  f({ anyOf: [{ type: 'string', items: {} }, { const: 0 }] }, /the word items is unknown/)
  f(
    { type: 'object', additionalProperties: true },
    /additionalProperties must be a schema or false/,
  )
  f({ form: 'email' }, /the form email is unknown/)
  f({ type: ['string', 'integer'] }, /write several types as anyOf/)
})

test('the reader accepts what a JSON Schema validator accepts, apart from plain scalars as strings', async t => {
  const plain: Schema = {
    type: 'object',
    properties: {
      flag: { type: 'boolean' },
      count: { type: 'integer', minimum: 0, maximum: 5 },
      rate: { type: 'number', minimum: 0 },
      mode: { enum: ['one', 'two'] },
      list: { type: 'array', items: { type: 'integer' } },
      block: {
        type: 'object',
        properties: { a: { type: 'boolean' } },
        required: ['a'],
        additionalProperties: false,
      },
    },
    additionalProperties: false,
  }
  const isValid = new Ajv({ strict: false }).compile(plain)
  const scalar = fc.oneof(
    fc.boolean(),
    fc.integer({ min: -2, max: 7 }),
    fc.constantFrom(0.5, 1.5),
    fc.constantFrom('one', 'two', 'true', '1', ''),
  )
  const value = fc.oneof(
    scalar,
    fc.array(scalar, { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('a', 'b'), scalar, { maxKeys: 2 }),
  )
  const file = fc.dictionary(
    fc.constantFrom('flag', 'count', 'rate', 'mode', 'list', 'block', 'wrong'),
    value,
    { maxKeys: 3 },
  )
  const reader = createSchemaReader(plain)
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(file, json => {
        const { root, problems } = parseYaml(JSON.stringify(json))
        const read = reader(root)
        if (!isValid(json)) return problems.length > 0
        // Dictionaries of fast-check may have no prototype.
        const written = JSON.parse(JSON.stringify(json))
        return problems.length === 0 && isDeepStrictEqual(read, written)
      }),
      { numRuns: 500 },
    ),
  )
})
