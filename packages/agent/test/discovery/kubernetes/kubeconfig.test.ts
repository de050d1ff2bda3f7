import { writeFileSync } from 'node:fs'
import { type Test, test } from 'tap'
import { connectTo } from '../../../src/discovery/kubernetes/connection.ts'
import { loadKubeconfig } from '../../../src/discovery/kubernetes/kubeconfig.ts'

const file = (user: string, cluster = 'server: "https://h:6443"') => `
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: other, context: {}}, {name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {${cluster}}}]
users: [{name: u, user: {${user}}}]
`

function load(t: Test, text: string) {
  const directory = t.testdir({})
  const path = `${directory}/kubeconfig`
  writeFileSync(path, text)
  return { directory, connection: () => loadKubeconfig(path) }
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

test('loadKubeconfig reads tokens, and files relative to its directory', async t => {
  const text = file(
    'tokenFile: t/token',
    'server: "https://h:6443/k", certificate-authority: ca.crt',
  )
  const { directory, connection } = load(t, text)
  t.match(connection(), {
    url: new URL('https://h:6443/k'),
    authorization: {
      kind: 'header',
      type: 'Bearer',
      credentials: { file: `${directory}/t/token` },
    },
    tls: { isInsecure: false, ca: { file: `${directory}/ca.crt` } },
  })
  t.match(load(t, file('token: abc')).connection().authorization, {
    credentials: { text: 'abc' },
  })
  t.match(load(t, file('username: a, password: b')).connection().authorization, {
    kind: 'basic',
    username: { text: 'a' },
    password: { text: 'b' },
  })
})

test('loadKubeconfig reads inline certificates', async t => {
  const text = file(
    `client-certificate-data: ${base64('CERT')}, client-key-data: ${base64('KEY')}`,
    `server: "https://h", certificate-authority-data: ${base64('CA')}, tls-server-name: n, insecure-skip-tls-verify: true`,
  )
  const { connection } = load(t, text)
  t.same(connection().tls, {
    isInsecure: true,
    ca: { text: 'CA' },
    cert: { text: 'CERT' },
    key: { text: 'KEY' },
    serverName: 'n',
  })
  t.notOk(connection().authorization)
})

test('loadKubeconfig reports what is missing or unsupported', async t => {
  const refused = (text: string, message: RegExp) => t.throws(load(t, text).connection, { message })
  refused(file('exec: {command: aws}'), /kubeconfig: user "u" has exec, which is not supported/)
  refused(file('auth-provider: {name: gcp}'), /has auth-provider/)
  refused(file('token: a', 'server: nowhere'), /cluster "k" has no server with a URL/)
  refused(file('token: a').replace('current-context: c', 'current-context: d'), /"d" is not among/)
  refused('', /current-context "" is not among contexts/)
  refused('a: [', /.+/)
})

test('connectTo says what to do outside a cluster', async t => {
  t.throws(() => connectTo({ kind: 'in-cluster' }, {}), {
    message: /KUBERNETES_SERVICE_HOST .* are not set.* set api_server or kubeconfig_file/,
  })
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }
  t.equal(connectTo({ kind: 'in-cluster' }, env).url.host, '[fd00::1]')
})
