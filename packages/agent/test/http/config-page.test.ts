import { test } from 'tap'
import { hideSecrets, renderConfigPage } from '../../src/http/config-page.ts'

test('hideSecrets hides secrets in any notation, and nothing else', async t => {
  const hidden = hideSecrets(`
# password: in-a-comment-1
clients:
  - url: http://user:in-a-url-2@host:3100/loki/api/v1/push
    basic_auth: {username: u, password: inline-3}
  - url: http://host/push
    basic_auth:
      "password": |
        block-4
        more-5
    headers: {X-Api-Token: header-6, X-Scope: shown-1}
    http_headers:
      Authorization:
        values: [value-7]
      X-Plain:
        secrets:
          - listed-8
    authorization: &auth
      credentials: 'quoted-9' # and-commented-10
    tls_config: {ca_file: /shown-2, key: "-----BEGIN KEY-----\\nfolded-11"}
  - url: http://host/other
    authorization: *auth
    oauth2:
      client_secret: >-
        folded-12
scrape_configs:
  - job_name: shown-3
    pipeline_stages:
      - labels: {key: shown-4}
      - replace: {expression: "password: (shown-5)"}
`)
  const leaked = hidden
    .match(/[a-z]+-(?:1[0-2]|[1-9])\b/g)
    ?.filter(word => !word.startsWith('shown'))
  t.same(leaked ?? [], [])
  for (let i = 1; i <= 5; i++) t.match(hidden, `shown-${i}`)
  t.match(hidden, 'url: http://<secret>@host:3100/loki/api/v1/push')
})

test('The configuration page is escaped', async t => {
  const text = 'clients: [{url: "http://h/<script>"}]\n'
  const page = renderConfigPage({ text, leftOut: ['a.yaml:1:2: <script> is not known'] }, '')
  t.match(page, 'http://h/&lt;script&gt;')
  t.match(page, 'a.yaml:1:2: &lt;script&gt; is not known')
  t.notMatch(page, '<script>')
})
