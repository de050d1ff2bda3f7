import { test } from 'tap'
import { logqlFunctions } from '../../src/template/logql-functions.ts'
import { parseTemplate } from '../../src/template/template.ts'

test('templateNeeds finds fields and functions', async t => {
  const f = (text: string, fields: readonly string[] | 'all', functions: readonly string[]) => {
    const { needs } = parseTemplate(text, { functions: logqlFunctions })
    t.strictSame(needs.fields ? [...needs.fields] : 'all', fields, text)
    t.strictSame([...needs.functions], functions, text)
  }

  f('constant', [], [])
  f('{{.a}} {{ .b | upper }}', ['a', 'b'], ['upper'])
  f('{{ $x := .a }}{{ $x }}{{ $.b }}', ['a', 'b'], [])
  f('{{ if eq .a "1" }}{{ .b }}{{ else }}{{ .c }}{{ end }}', ['a', 'b', 'c'], ['eq'])
  f('{{ with .a }}{{ . }}{{ else }}{{ .b }}{{ end }}', ['a', 'b'], [])
  f('{{ range fromJson __line__ }}{{ .x }}{{ . }}{{ end }}', [], ['fromJson', '__line__'])
  f('{{ (fromJson .j).x }}', ['j'], ['fromJson'])
  f('{{ . }}', 'all', [])
  f('{{ index $ "a" }}', 'all', ['index'])
  f('{{ range $k, $v := . }}{{ $k }}{{ end }}', 'all', [])
  f('{{ define "t" }}{{ .x }}{{ upper . }}{{ end }}{{ template "t" .a }}', ['a'], ['upper'])
  f('{{ template "t" . }}{{ define "t" }}{{ .x }}{{ end }}', 'all', [])
})
