import { test } from 'tap'
import { agentTable } from '../render.ts'

test('Words become identifiers', async t => {
  const f = agentTable(t)

  f(
    '{{snakecase "FirstName"}} {{snakecase "HTTPServer"}} {{snakecase "NoHTTPS"}} {{snakecase "GO_PATH"}} {{snakecase "GO PATH"}} {{snakecase "http2xx"}} {{snakecase "HTTP20xOK"}} {{snakecase "Duration2m3s"}} {{snakecase "Bld4Floor3rd"}} {{snakecase ""}}',
    'first_name http_server no_https go_path go_path http_2xx http_20x_ok duration_2m3s bld4_floor_3rd ',
  )
  f(
    '{{kebabcase "FirstName"}} {{kebabcase "HTTPServer id"}} {{kebabcase "a.B c"}} {{kebabcase "X86_64"}} {{kebabcase "__a__B"}} {{kebabcase "éÀb"}} {{kebabcase "한글Word"}}',
    'first-name http-server-id a.b-c x86-64 --a--b é-àb 한글-word',
  )
  f(
    '{{camelcase "http_server"}} {{camelcase "HTTPServer"}} {{camelcase "_complex__case_"}} {{camelcase "foo-bar baz"}} {{camelcase "a"}} {{camelcase ""}} {{camelcase "HTTP server"}}',
    'HttpServer Httpserver _Complex_Case_ FooBarBaz A  HttpServer',
  )
})
