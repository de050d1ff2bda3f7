import { test } from 'tap'
import { labelsFromPath } from '../../src/discovery/pod-path.ts'

test('labelsFromPath reads the trees of container runtimes', async t => {
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
