import { test } from 'tap'
import { logqlFunctions } from '../../src/template/logql-functions.ts'
import { parseTemplate } from '../../src/template/template.ts'
import { encodeGoText } from '../../src/text/go-bytes.ts'
import { dataOf, renderAgent, renderQuery } from './render.ts'

const functions = logqlFunctions

test('parseTemplate fills templates of texts and fields', async t => {
  const fields = { a: '1', b: 'two' }
  t.equal(renderQuery('{{.a}}', fields), '1')
  t.equal(renderQuery('', fields), '')
  t.equal(renderQuery('just text', fields), 'just text')
  t.equal(renderQuery('{{ .a }}-{{.b}}!{{.c}}', fields), '1-two!')
  t.equal(renderQuery('{{.c}}', fields), '')
  t.equal(renderAgent('{{.c}}', fields), '<no value>')
  t.equal(renderAgent('[{{.c}}]', fields), '[<no value>]')
})

test('parseTemplate gives errors the name of the template', async t => {
  t.throws(() => parseTemplate('{{', { name: 'label', functions }), {
    name: 'TemplateSyntaxError',
    code: 'TEMPLATE_SYNTAX',
    message: 'template: label:1: unclosed action',
    line: 1,
  })
  const template = parseTemplate('a\n{{ div 1 .x }}', { name: 'label', functions })
  t.throws(() => template.execute(dataOf({ x: '0' })), {
    name: 'TemplateExecError',
    code: 'TEMPLATE_EXEC',
    message:
      'template: label:2:3: executing "label" at <div 1 .x>: error calling div: runtime error: integer divide by zero',
  })
  t.equal(template.execute(dataOf({ x: '1' })), 'a\n1', 'a failure leaves nothing behind')
})

test('parseTemplate asks for line, time and all fields only where they are used', async t => {
  const asked: string[] = []
  const data = {
    get: (name: string) => {
      asked.push(name)
      return 'v'
    },
    entries: () => {
      throw new Error('All fields were asked')
    },
    line: () => {
      throw new Error('The line was asked')
    },
    nowNs: () => {
      throw new Error('The time was asked')
    },
  }
  t.equal(parseTemplate('{{.a}} {{ upper .b }}', { functions }).execute(data), 'v V')
  t.strictSame(asked, ['a', 'b'])
})

test('parseTemplate keeps bytes that are no UTF-8 where asked', async t => {
  const text = '{{ trunc 1 .v }}|{{ trunc -1 .v }}'
  const data = dataOf({ v: 'é' })
  t.equal(parseTemplate(text, { functions }).execute(data), '\ufffd|\ufffd')
  const kept = parseTemplate(text, { functions, keepsLooseBytes: true }).execute(data)
  t.strictSame(encodeGoText(kept), Buffer.from([0xc3, 0x7c, 0xa9]))
})

test('parseTemplate ranges over integers only where asked', async t => {
  const text = '{{ range $i := 3 }}{{ $i }}{{ else }}none{{ end }}'
  t.throws(() => renderQuery(text), {
    message: `template: line:1:15: executing "line" at <3>: range can't iterate over 3`,
  })
  const template = parseTemplate(text, { functions, rangeIntegers: true })
  t.equal(template.execute(dataOf({})), '012')
  const none = parseTemplate('{{range 0}}x{{else}}none{{end}}', { functions, rangeIntegers: true })
  t.equal(none.execute(dataOf({})), 'none')
})

test('Names of JavaScript are no names of templates', async t => {
  t.equal(renderQuery('[{{.constructor}}{{.__proto__}}{{.toString}}]'), '[]')
  t.equal(renderQuery('{{ (fromJson "{}").constructor }}'), '<no value>')
  t.equal(renderQuery(`{{ (fromJson "{\\"__proto__\\":7}").__proto__ }}`), '7')
  t.throws(() => renderQuery('{{ toString 1 }}'), { message: /function "toString" not defined/ })
  t.throws(() => renderQuery('{{ now.constructor }}'), {
    message: /can't evaluate field constructor/,
  })
})
