// Rules of several processes over one PostgreSQL: who evaluates what, and what becomes of what a process had begun.

import { mock } from 'node:test'
import { createLabelSet } from '@skald/wire'
import { t as root, type Test, test } from 'tap'
import {
  createPostgres,
  noPostgres,
  type PostgresServer,
} from '../../../../test/postgres-server.ts'
import { leaseMs, leaseRenewMs } from '../../src/limits.ts'
import type { RuleListener } from '../../src/rules/rule-store.ts'
import { openPostgres } from '../../src/scaled/postgres.ts'
import { SharedRules } from '../../src/scaled/rules/shared-rules.ts'
import { migrations } from '../../src/scaled/schema.ts'
import { migrateTables } from '../../src/scaled/tables.ts'
import { createTestLogger } from '../harness.ts'
import { openShared } from './shared-catalogs.ts'

root.setTimeout(180_000)

const keys = Array.from({ length: 200 }, (_, i) => JSON.stringify(['tenant', 'file', `group ${i}`]))
const queue = 'server-of-the-test'
const nobody: RuleListener = {
  onRules: async () => undefined,
  onTurns: async () => undefined,
  onSamples: () => undefined,
}
const sample = (timeMs: number) => ({
  tenant: 'tenant',
  samples: [{ labels: createLabelSet({ __name__: 'a' }), timeMs, value: timeMs }],
})
const report = (evaluatedMs: number) =>
  ({
    ...{ evaluatedMs, seconds: 0.5 },
    rules: { r: { health: 'err', lastError: 'why\u0000', evaluatedMs, seconds: 0.25 } },
  }) as const

async function openRules(t: Test, postgres: PostgresServer) {
  const opened = await openShared(t, postgres.url)
  const { catalog, database, epoch } = opened
  const { logger } = createTestLogger()
  const rules = new SharedRules({ catalog, database, logger, epoch: () => epoch })
  const dropped: number[] = []
  const samples = rules.openQueue({ name: queue, onDrop: count => dropped.push(count) })
  t.teardown(() => rules.close())
  return { ...opened, rules, samples, dropped }
}

/** Lets the clock of PostgreSQL, the only one that counts, jump for one process. */
async function passTime(postgres: PostgresServer, epoch: number): Promise<void> {
  const past = "now() - interval '1 minute'"
  await postgres.sql(`UPDATE skald.leases SET expires = ${past} WHERE epoch = ${epoch};
    UPDATE skald.replicas SET seen = ${past} WHERE epoch = ${epoch}`)
}

test('rules made by API are in the catalog of all', { skip: noPostgres }, async t => {
  const postgres = await createPostgres(t)
  const [one, two] = [await openRules(t, postgres), await openRules(t, postgres)]
  const namesOf = async ({ rules }: typeof one) =>
    (await rules.listGroups()).map(({ name }) => name)
  const group = (name: string, text = 'text') => ({ tenant: 't', namespace: 'n', name, text })
  const odd = ['a\u0000b', '../x', `${'🔥'.repeat(1000)}`]
  await one.rules.setGroup(group('a'))
  for (const name of odd) await two.rules.setGroup(group(name))
  t.same(await namesOf(one), ['a', ...odd])
  one.database.lost = 1
  await one.rules.setGroup(group('a', 'another text'))
  t.equal((await two.rules.listGroups())[0]?.text, 'another text', 'the answer got lost')
  await two.rules.removeGroups(odd.map(name => group(name)))
  t.same(await namesOf(one), ['a'])
  await postgres.sql("INSERT INTO skald.replicas (name) VALUES ('of an older version')")
  const refused = { code: 'STORAGE_UNAVAILABLE', message: /a replica still runs an older version/ }
  await t.rejects(one.rules.setGroup(group('b')), refused)
  await postgres.sql("DELETE FROM skald.replicas WHERE name = 'of an older version'")
  one.database.isAway = true
  t.same(await namesOf(one), ['a'], 'without PostgreSQL, what is known')
})

test('groups are divided, and taken over with their states', { skip: noPostgres }, async t => {
  const postgres = await createPostgres(t)
  const [one, two] = [await openRules(t, postgres), await openRules(t, postgres)]
  await one.rules.start(nobody)
  const all = await one.rules.open(keys)
  t.equal(all.size, keys.length, 'the first one has all')
  const [key, state] = [...all][0]!
  const alert = { rule: 'r', labels: '{a="\u0000"}', alert: '{"told":"\\u0000"}' }
  await state.save(1000, [alert, { ...alert, labels: '{b="1"}' }])
  await state.save(2000, [{ ...alert, labels: '{b="1"}', alert: undefined }])
  state.addSamples!(queue, sample(2000))
  // The second try finds the first.
  one.database.lost = 1
  await state.finish(report(2000))
  state.addSamples!(queue, sample(3000))
  await state.finish(report(3000))
  t.equal(await postgres.sql('SELECT count(*) FROM skald.rule_samples'), '2')
  const read = (await two.rules.read([key, 'unknown'])).get(key)
  t.match(read, { report: report(3000), alerts: [alert] }, 'all read the same')

  t.comment('a process that wakes up too late is refused')
  const piece = await one.samples.read(1)
  t.match(piece, { isAgain: false, records: [sample(2000)] })
  t.equal(piece?.records.length, 1)
  await passTime(postgres, one.epoch)
  await two.rules.start(nobody)
  const taken = (await two.rules.open(keys)).get(key)!
  t.same(await taken.load(), { evaluatedMs: 3000, report: report(3000), alerts: [alert] })
  t.ok(state.mayTell, 'it does not know yet')
  const lost = { code: 'CHANGE_REFUSED', reason: 'turn' }
  await t.rejects(state.save(4000, [{ ...alert, alert: undefined }]), lost)
  t.notOk(state.mayTell)
  t.notOk(state.isCurrent)
  t.ok(state.lost.aborted)
  await t.rejects([...all][1]![1].finish(report(4000)), lost)
  await piece!.settle()
  t.equal(await postgres.sql('SELECT count(*) FROM skald.rule_samples'), '2', 'nothing is settled')
  t.equal(await one.samples.read(1), undefined)

  t.comment('the other one sends the same piece again')
  const again = await two.samples.read(1000)
  t.match(again, { isAgain: true, records: [sample(2000)] })
  t.equal(again?.records.length, 1)
  await again!.settle()
  const next = await two.samples.read(1000)
  t.match(next, { isAgain: false, records: [sample(3000)] })
  t.ok(two.samples.waitingBytes > 0)
  await next!.settle()
  t.equal(await two.samples.read(1000), undefined)
  t.equal(two.samples.waitingBytes, 0)

  t.comment('states of groups that are gone are forgotten by those who have their leases')
  await one.rules.forgetOthers(new Set())
  t.equal(await postgres.sql('SELECT count(*) FROM skald.rule_states'), '1')
  await two.rules.forgetOthers(new Set([key]))
  t.equal(await postgres.sql('SELECT count(*) FROM skald.rule_alerts'), '1')
  await two.rules.forgetOthers(new Set())
  t.equal(await postgres.sql('SELECT count(*) FROM skald.rule_alerts'), '0')
})

test('leases are left to others only once their groups have stopped', {
  skip: noPostgres,
}, async t => {
  const postgres = await createPostgres(t)
  const [one, two] = [await openRules(t, postgres), await openRules(t, postgres)]
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const stopped = Promise.withResolvers<void>()
  const turns: boolean[] = []
  await one.rules.start({
    ...nobody,
    onTurns: hasChanged => {
      turns.push(hasChanged)
      return hasChanged ? stopped.promise : Promise.resolve()
    },
  })
  await two.rules.start(nobody)
  const held = ({ epoch }: typeof one) =>
    postgres.sql(`SELECT count(*) FROM skald.leases WHERE epoch = ${epoch} AND kind LIKE 'rules/%'`)
  const looked = async (count: number) => {
    while (turns.length < count) await new Promise(resolve => setImmediate(resolve))
  }
  for (const count of [1, 2, 3]) {
    mock.timers.tick(leaseRenewMs)
    await looked(count)
  }
  t.same(turns, [true, false, false], 'half of them are to be given')
  t.equal(await held(one), '32', 'an evaluation still runs')
  t.equal(await held(two), '0')
  stopped.resolve()
  await looked(4)
  t.equal(await held(one), '16')
})

test('after an outage longer than a lease, what nobody else has evaluated is stored', {
  skip: noPostgres,
}, async t => {
  const postgres = await createPostgres(t)
  const [one, two] = [await openRules(t, postgres), await openRules(t, postgres)]
  await one.rules.start(nobody)
  const state = [...(await one.rules.open(keys))][0]![1]
  state.addSamples!(queue, sample(1000))
  await passTime(postgres, one.epoch)
  await state.finish(report(1000))
  t.ok(state.mayTell)
  t.equal(await postgres.sql('SELECT count(*) FROM skald.rule_samples'), '1')
  await two.rules.start(nobody)
  await state.save(2000, [{ rule: 'r', labels: '{}', alert: '{}' }])
  t.equal(await postgres.sql('SELECT count(*) FROM skald.rule_alerts'), '1', 'still its own')

  await passTime(postgres, one.epoch)
  await two.rules.close()
  const three = await openRules(t, postgres)
  await three.rules.start(nobody)
  state.addSamples!(queue, sample(3000))
  await t.rejects(state.finish(report(3000)), { code: 'CHANGE_REFUSED', reason: 'turn' })
  t.ok(state.lost.aborted)
})

test('after an outage, nobody takes the groups of others before they can renew them', {
  skip: noPostgres,
}, async t => {
  const postgres = await createPostgres(t)
  const opened = [await openRules(t, postgres), await openRules(t, postgres)]
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const held = ({ epoch }: (typeof opened)[0]) =>
    postgres.sql(`SELECT count(*) FROM skald.leases WHERE epoch = ${epoch} AND kind LIKE 'rules/%'`)
  /** Has both look at their leases, and waits until they have done so. */
  const look = async () => {
    const all = [...turnsOf.values()]
    const before = all.map(({ length }) => length)
    mock.timers.tick(leaseRenewMs)
    while (all.some(({ length }, i) => length === before[i]))
      await new Promise(resolve => setImmediate(resolve))
  }
  const turnsOf = new Map<SharedRules, boolean[]>()
  for (const { rules } of opened) {
    const turns: boolean[] = []
    turnsOf.set(rules, turns)
    const onTurns = async (hasChanged: boolean) => void turns.push(hasChanged)
    await rules.start({ ...nobody, onTurns })
  }
  const [one, two] = opened as [(typeof opened)[0], (typeof opened)[0]]
  while ((await held(two)) !== '16') await look()
  const tokens = () =>
    postgres.sql("SELECT string_agg(token::text, ' ' ORDER BY kind) FROM skald.leases")
  const kept = await tokens()

  const { now } = performance
  mock.method(performance, 'now', () => now.call(performance) + 2 * leaseMs)
  t.teardown(() => mock.restoreAll())
  for (const { epoch } of opened) await passTime(postgres, epoch)
  await look()
  t.equal(await tokens(), kept)

  t.comment('but one that does not come back loses them')
  await passTime(postgres, two.epoch)
  two.database.isAway = true
  await look()
  t.equal(await held(one), '32')
})

test('too many samples: the oldest go', { skip: noPostgres }, async t => {
  const postgres = await createPostgres(t)
  const { rules, samples } = await openRules(t, postgres)
  await rules.start(nobody)
  const state = [...(await rules.open(keys))][0]![1]
  for (const timeMs of [1, 2, 3]) {
    state.addSamples!(queue, sample(timeMs))
    await state.finish(report(timeMs))
  }
  const bytes = Number(await postgres.sql('SELECT max(bytes) FROM skald.rule_samples'))
  t.equal(await postgres.sql(`SELECT skald.drop_samples('${queue}', ${2 * bytes})`), '1')
  const left = await samples.read(1000)
  t.match(left?.records, [sample(2), sample(3)])
})

test('samples for servers that are no longer configured go after a day', {
  skip: noPostgres,
}, async t => {
  const postgres = await createPostgres(t)
  const { rules } = await openRules(t, postgres)
  await postgres.sql(`INSERT INTO skald.rule_samples (server, entered, samples, bytes, record)
    SELECT server, now() - age, 1, 2, '{}' FROM
      unnest(ARRAY['${queue}', 'another']) AS server, unnest(ARRAY[interval '1 hour', '2 days']) AS age`)
  await rules.start(nobody)
  const left = "SELECT string_agg(server, ' ' ORDER BY number) FROM skald.rule_samples"
  t.equal(await postgres.sql(left), `${queue} ${queue} another`)
})

test('tables of an older version are brought up to date', { skip: noPostgres }, async t => {
  const postgres = await createPostgres(t)
  await postgres.sql(`CREATE SCHEMA skald;
    CREATE TABLE skald.schema (one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL);
    INSERT INTO skald.schema (version) VALUES (3);
    ${migrations.slice(0, 3).join('')}
    INSERT INTO skald.replicas (name) VALUES ('older');
    INSERT INTO skald.leases (kind, epoch, expires) VALUES ('compaction', 1, now())`)
  const { logger } = createTestLogger()
  const config = { postgresUrl: postgres.url, passwordFile: '', commitIntervalMs: 250 }
  const database = await openPostgres(config, logger)
  t.teardown(() => database.close())
  await Promise.all([migrateTables(database), migrateTables(database)])
  t.equal(await postgres.sql('SELECT version FROM skald.schema'), String(migrations.length))
  t.equal(await postgres.sql('SELECT migrations FROM skald.replicas'), '3')
  t.equal(await postgres.sql("SELECT skald.lease('compaction', 1, 1000)"), 'true')
})
