import { test } from 'tap'
import { agentTable } from '../render.ts'

test('URLs are split and joined', async t => {
  const f = agentTable(t)

  f(
    '{{urlParse "https://user:pw@example.org:8080/a%20b/c?x=1&y=2#frag"}}',
    'map[fragment:frag host:example.org:8080 hostname:example.org opaque: path:/a b/c query:x=1&y=2 scheme:https userinfo:user:pw]',
  )
  f(
    '{{urlParse "mailto:a@b.c"}} {{(urlParse "http://[::1]:80/").hostname}} {{(urlParse "/only/path").path}}',
    'map[fragment: host: hostname: opaque:a@b.c path: query: scheme:mailto userinfo:] ::1 /only/path',
  )
  f(
    '{{urlJoin (dict "scheme" "https" "host" "example.org" "path" "/a b" "query" "x=1" "fragment" "f")}} {{urlJoin (dict "path" "rel")}} {{urlJoin (urlParse "https://u:p@h:1/p?q#f")}}',
    'https://example.org/a%20b?x=1#f rel https://u:p@h:1/p?q#f',
  )
})
