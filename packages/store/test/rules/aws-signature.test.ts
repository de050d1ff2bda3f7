// Signatures for AWS. The test computes them again from AWS's description of version 4, without the SDK:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'tap'
import type { SigV4Config } from '../../src/ruler-config.ts'
import { HttpPoster } from '../../src/rules/http-poster.ts'
import type { TestScope } from '../harness.ts'
import { openAccess, type Received, startReceiver } from './receiver.ts'

const plain: SigV4Config = {
  ...{ region: 'eu-central-1', accessKey: 'AKIDEXAMPLE', secretKey: 'secret/key+1', profile: '' },
  ...{ roleArn: '', externalId: '', isFipsSts: false, service: 'aps' },
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest()

/** Returns the header Authorization that a request should have. */
function expectedAuthorization(
  { path, headers, body }: Received,
  { accessKey, secretKey, region, service }: SigV4Config,
): string {
  const [pathname = '', query = ''] = path.split('?')
  const time = String(headers['x-amz-date'])
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`
  const names = /SignedHeaders=([^,]*)/.exec(String(headers.authorization))![1]!.split(';')
  const canonical = [
    'POST',
    // Each part is escaped once more than in the address.
    pathname.split('/').map(encodeURIComponent).join('/'),
    query.split('&').sort().join('&'),
    ...names.map(name => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    sha256(body),
  ].join('\n')
  const text = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${secretKey}`)
  const signature = hmac(key, text).toString('hex')
  return `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`
}

/** Sends one request to a server. Returns what the server got. */
async function post(
  t: TestScope,
  sigv4: SigV4Config,
  path = '/workspaces/ws-1/api/v1/remote_write',
) {
  const receiver = await startReceiver(t)
  const poster = new HttpPoster({ ...openAccess, sigv4 })
  t.teardown(() => poster.close())
  const answer = await poster.post({
    ...{ url: `${receiver.url}${path}`, body: Buffer.from([1, 2, 250]), timeoutMs: 10_000 },
    headers: { 'content-type': 'application/x-protobuf', 'x-scope-orgid': 'team a' },
    signal: new AbortController().signal,
  })
  return { answer, received: receiver.received[0] }
}

/** Sets variables of the environment until the end of a test. */
function setEnv(t: TestScope, variables: Readonly<Record<string, string>>): void {
  const before = { ...process.env }
  Object.assign(process.env, variables)
  t.teardown(() => {
    for (const name of Object.keys(variables)) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  })
}

test('a request is signed with the keys of the file', async t => {
  for (const path of ['/api/v1/remote_write', '/', '/a%20b/c?x=1&y=z%2F2']) {
    const { answer, received } = await post(t, plain, path)
    t.match(answer, { status: 200 })
    t.equal(received!.headers.authorization, expectedAuthorization(received!, plain), path)
  }
  const signed = String((await post(t, plain)).received!.headers.authorization)
  for (const name of ['content-type', 'host', 'x-amz-date', 'x-scope-orgid'])
    t.match(signed, new RegExp(`SignedHeaders=[^,]*${name}`), `${name} is signed`)
})

test('keys and region may come from a profile', async t => {
  const dir = t.testdir()
  writeFileSync(
    join(dir, 'credentials'),
    '[metrics]\naws_access_key_id = PROFILED\naws_secret_access_key = other\n',
  )
  writeFileSync(join(dir, 'config'), '[profile metrics]\nregion = us-west-2\n')
  setEnv(t, {
    AWS_SHARED_CREDENTIALS_FILE: join(dir, 'credentials'),
    AWS_CONFIG_FILE: join(dir, 'config'),
    ...{ AWS_ACCESS_KEY_ID: 'WRONG', AWS_SECRET_ACCESS_KEY: 'WRONG' },
  })
  const config = { ...plain, region: '', accessKey: '', secretKey: '', profile: 'metrics' }
  const { received } = await post(t, config)
  const expected = { ...plain, accessKey: 'PROFILED', secretKey: 'other', region: 'us-west-2' }
  t.equal(received!.headers.authorization, expectedAuthorization(received!, expected))
})

test('a role gives keys for a while', async t => {
  const asked: { readonly text: string; readonly request: IncomingMessage }[] = []
  let lifeMs = 3_600_000
  const sts = createServer((request, response) => {
    let text = ''
    request.on('data', chunk => {
      text += chunk
    })
    request.on('end', () => {
      asked.push({ text, request })
      const expiration = new Date(Date.now() + lifeMs).toISOString()
      response.setHeader('content-type', 'text/xml')
      response.end(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
        <Credentials><AccessKeyId>ROLE${asked.length}</AccessKeyId><SecretAccessKey>of the role</SecretAccessKey>
        <SessionToken>token</SessionToken><Expiration>${expiration}</Expiration></Credentials>
        </AssumeRoleResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>`)
    })
  })
  sts.listen(0, '127.0.0.1')
  await once(sts, 'listening')
  t.teardown(() => {
    sts.closeAllConnections()
    sts.close()
  })
  const { port } = sts.address() as AddressInfo
  setEnv(t, { AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${port}` })
  const config = { ...plain, roleArn: 'arn:aws:iam::1:role/writer', externalId: 'ours' }
  const receiver = await startReceiver(t)
  const poster = new HttpPoster({ ...openAccess, sigv4: config })
  t.teardown(() => poster.close())
  const send = () =>
    poster.post({
      ...{ url: receiver.url, body: 'x', headers: {}, timeoutMs: 10_000 },
      signal: new AbortController().signal,
    })
  await Promise.all([send(), send()])
  await send()
  t.equal(asked.length, 1, 'the keys are kept')
  const form = new URLSearchParams(asked[0]!.text)
  t.match(Object.fromEntries(form), {
    ...{ Action: 'AssumeRole', RoleArn: config.roleArn, ExternalId: 'ours' },
  })
  t.match(
    asked[0]!.request.headers.authorization,
    /Credential=AKIDEXAMPLE\/\d+\/eu-central-1\/sts\//,
  )
  const [first] = receiver.received
  t.equal(first!.headers['x-amz-security-token'], 'token')
  const expected = { ...plain, accessKey: 'ROLE1', secretKey: 'of the role' }
  t.equal(first!.headers.authorization, expectedAuthorization(first!, expected))

  // Keys that end within five minutes are not used again.
  lifeMs = 60_000
  const other = new HttpPoster({ ...openAccess, sigv4: config })
  t.teardown(() => other.close())
  for (let i = 0; i < 2; i++)
    await other.post({
      ...{ url: receiver.url, body: 'x', headers: {}, timeoutMs: 10_000 },
      signal: new AbortController().signal,
    })
  t.ok(asked.length > 2, 'they are asked for again')
})

test('without credentials or region, the answer says what is missing, and the request may be sent again', async t => {
  const dir = t.testdir({ none: '' })
  setEnv(t, {
    ...{ AWS_SHARED_CREDENTIALS_FILE: join(dir, 'none'), AWS_CONFIG_FILE: join(dir, 'none') },
    ...{ AWS_EC2_METADATA_DISABLED: 'true', AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' },
    ...{ AWS_REGION: '', AWS_DEFAULT_REGION: '' },
  })
  const noKeys = await post(t, { ...plain, accessKey: '', secretKey: '' })
  t.match(noKeys.answer, { status: -1, text: /credentials/i })
  t.equal(noKeys.received, undefined, 'nothing goes out unsigned')
  const noRegion = await post(t, { ...plain, region: '' })
  t.match(noRegion.answer, {
    status: -1,
    text: 'no region for sigv4: write sigv4.region, or set AWS_REGION',
  })
})
