import { test } from 'tap'
import { promtailFunctions } from '../../src/template/promtail-functions.ts'
import { agentTable, errorTable, renderAgent } from './render.ts'

test('Templates can call every name in the table', async t => {
  for (const name of Object.keys(promtailFunctions)) t.match(name, /^[A-Za-z]\w*$/)
})

test("The agent's slice works on lists", async t => {
  const e = errorTable(t, renderAgent)

  agentTable(t)('{{ slice (list 1 2 3) 1 2 }}', '[2]')
  e(
    '{{ slice "abc" 1 }}',
    'template: line:1:3: executing "line" at <slice "abc" 1>: error calling slice: ' +
      'list should be type of slice or array but string',
  )
})

test('Functions that create keys or read the environment are rejected by name', async t => {
  const refused = Object.entries(promtailFunctions).filter(([, row]) => row.refusal !== undefined)
  t.equal(refused.length, 17)
  for (const [name, { refusal }] of refused) {
    const message = `template: line:1: function "${name}" is not supported: ${refusal}`
    t.throws(() => renderAgent(`{{ ${name} "x" }}`), { code: 'TEMPLATE_SYNTAX', message })
  }
})

test('Typical templates of Promtail users work', async t => {
  const f = agentTable(t, { Value: 'WARN', Entry: 'a line', user: 'ann', path: '/api/v1/users/17' })

  f('{{ .Value | ToLower }}', 'warn')
  f('{{ if eq .Value "WARN" }}warning{{ else }}{{ ToLower .Value }}{{ end }}', 'warning')
  f('{{ regexReplaceAll "/[0-9]+" .path "/:id" }}', '/api/v1/users/:id')
  f('{{ .user }}: {{ .Entry | trunc 3 }}', 'ann: a l')
  f('{{ .missing | default "none" }} {{ .missing }}', 'none <no value>')
  f('{{ (splitList "/" .path) | last }} {{ splitList "/" .path | first | quote }}', '17 ""')
})

test('Strict and rare forms exist too', async t => {
  const f = agentTable(t)
  f('{{ mustToPrettyJson (dict "a" "<b>") }}', '{\n  "a": "\\u003cb\\u003e"\n}')
  f('{{ mustToDate "2006-01-02" "2026-01-15" | date "02.01.2006" }}', '15.01.2026')
  f(
    '{{ toDate "2006-01-02" "2026-01-15" | must_date_modify "24h" | date "2006-01-02" }}',
    '2026-01-16',
  )
  f('{{ ago now }}', '0s')
  t.throws(() => renderAgent('{{ mustToDate "2006-01-02" "never" }}'), /cannot parse "never"/)
})
