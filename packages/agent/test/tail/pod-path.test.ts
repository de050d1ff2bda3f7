import { mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'tap'
import { labelsFromPath } from '../../src/tail/pod-path.ts'

test('labelsFromPath reads the directory trees of container runtimes', async t => {
  const id = 'ab12'.repeat(16)
  const f = (path: string, want: Record<string, string>) =>
    t.strictSame(Object.fromEntries(labelsFromPath(path)), want, path)
  const web = { namespace: 'shop', pod: 'web-0', container: 'app', job: 'shop/app' }
  f('/var/log/pods/shop_web-0_1234-5678/app/3.log', web)
  f(`/var/log/containers/web-0_shop_app-${id}.log`, web)
  f(`/var/lib/docker/containers/${id}/${id}-json.log`, {
    job: 'docker',
    container: id.slice(0, 12),
  })
  f('/var/log/syslog', {})
})

test('labelsFromPath uses the readable name of a Docker container if its configuration is accessible', async t => {
  const id = 'ab12'.repeat(16)
  const dir = t.testdir()
  const containerDir = `${dir}/containers/${id}`
  mkdirSync(containerDir, { recursive: true })
  const container = () => labelsFromPath(`${containerDir}/${id}-json.log`).get('container')
  t.equal(container(), id.slice(0, 12))
  const write = (text: string) => writeFileSync(`${containerDir}/config.v2.json`, text)
  write(JSON.stringify({ ID: id, Name: '/shop-web-1', Config: { Image: 'nginx' } }))
  t.equal(container(), 'shop-web-1')
  for (const text of ['{"Name": "/"}', '{"Name": 3}', '{"Na']) {
    write(text)
    t.equal(container(), id.slice(0, 12), text)
  }
})
