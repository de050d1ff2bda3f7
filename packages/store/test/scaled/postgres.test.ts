import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { t as root, test } from 'tap'
import { makeCertificates } from '../../../../test/certificates.ts'
import { createPostgres, noPostgres, postgresUser } from '../../../../test/postgres-server.ts'
import { openPostgres } from '../../src/scaled/postgres.ts'
import { createTestLogger } from '../harness.ts'

root.setTimeout(180_000)

const { logger } = createTestLogger()
const open = (postgresUrl: string, passwordFile = '') =>
  openPostgres({ postgresUrl, passwordFile, commitIntervalMs: 250 }, logger)
const one = { text: 'SELECT 1 AS one' }

test('connections over TLS, with a password from a file', { skip: noPostgres }, async t => {
  const dir = t.testdir()
  makeCertificates(dir)
  const postgres = await createPostgres(t, { isStarted: false })
  postgres.useTls({ key: join(dir, 'server.key'), cert: join(dir, 'server.crt') })
  await postgres.start()
  const passwordFile = join(dir, 'password')
  writeFileSync(passwordFile, `${postgresUser.password}\n`)
  const tls = `${postgres.openUrl}?sslmode=verify-full`
  const checked = await open(`${tls}&sslrootcert=${join(dir, 'ca.crt')}`, passwordFile)
  t.same(await checked.query(one), [{ one: 1 }])
  const sql = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
  t.same(await checked.query({ text: sql }), [{ ssl: true }])
  writeFileSync(passwordFile, 'another')
  await checked.close()

  const unknown = await open(tls, passwordFile)
  await t.rejects(unknown.query(one), { code: 'CATALOG_UNAVAILABLE', message: /certificate/ })
  await unknown.close()
  const wrong = await open(`${tls}&sslrootcert=${join(dir, 'ca.crt')}`, passwordFile)
  await t.rejects(wrong.query(one), { code: 'CATALOG_OWNER', message: /28P01/ })
  await wrong.close()
  const without = await open(postgres.openUrl)
  await t.rejects(without.query(one), { code: 'CATALOG_OWNER', message: /password/ })
  await without.close()
})

test('a URL that cannot be used is refused without being shown', async t => {
  const url = 'postgres://skald:a-secret@db/skald?sslmode=verify-full&sslrootcert=/nowhere/ca.crt'
  await t.rejects(open(url), { code: 'CATALOG_OWNER', message: /ENOENT.*ca\.crt/ })
  await open(url).catch((error: Error) => t.notMatch(error.message, 'a-secret'))
})

test('a server that says nothing is given up', async t => {
  const silent = createServer(() => undefined)
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => silent.close())
  const { port } = silent.address() as { port: number }
  const database = await open(`postgres://skald:x@127.0.0.1:${port}/skald`)
  const started = performance.now()
  await t.rejects(database.query(one), { code: 'CATALOG_UNAVAILABLE' })
  t.ok(performance.now() - started < 20_000)
  await database.close()
})
