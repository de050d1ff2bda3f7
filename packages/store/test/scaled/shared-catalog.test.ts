import { t as root, test } from 'tap'
import { createPostgres, noPostgres } from '../../../../test/postgres-server.ts'
import type { SharedCatalog } from '../../src/scaled/shared-catalog.ts'
import { beginMerge, day, dayRange, openShared, segment } from './shared-catalogs.ts'

root.setTimeout(180_000)

const namesOf = async (catalog: SharedCatalog) => {
  t0(await catalog.refresh())
  return (await catalog.listSegments()).map(({ name }) => name)
}
const t0 = (warning: string | undefined) => {
  if (warning !== undefined) throw new Error(warning)
}
const streamsOf = async (catalog: SharedCatalog) => {
  t0(await catalog.refresh())
  return [...(await catalog.findStreams('a', [], dayRange)).keys()].sort()
}

test('replicas share a catalog in PostgreSQL', { skip: noPostgres }, async t => {
  const postgres = await createPostgres(t)
  const one = await openShared(t, postgres.url)
  const two = await openShared(t, postgres.url)
  const headOf = async () => Number(await postgres.sql('SELECT version FROM skald.head'))

  await t.test('what one enters the other reads, in the order of the transactions', async () => {
    const [late, early] = [segment(1, ['x']), segment(2, ['y'])]
    await two.catalog.addSegments([early], [])
    await one.catalog.addSegments([late], [])
    for (const { catalog } of [one, two]) {
      t.same(await namesOf(catalog), [early.name, late.name])
      t.same(await streamsOf(catalog), ['{app="x"}', '{app="y"}'])
    }
    const [first, second] = await one.catalog.listSegments()
    t.ok(first!.sequence < second!.sequence)
    t.equal(one.catalog.numberOf(late.name), second!.sequence)
  })

  await t.test('only queries count as somebody who asks', async () => {
    const three = await openShared(t, postgres.url)
    await three.catalog.refresh()
    await three.catalog.listSegments()
    t.equal(three.catalog.askedMs, undefined, 'a merge looks too')
    await three.catalog.findStreams('a', [], dayRange)
    t.ok(performance.now() - three.catalog.askedMs! < 60_000)
  })

  await t.test('those who read at the same time share a request', async () => {
    const { asked } = one.database
    await Promise.all(Array.from({ length: 20 }, () => one.catalog.refresh()))
    t.ok(one.database.asked - asked <= 2, `${one.database.asked - asked} requests`)
  })

  await t.test('a commit whose answer got lost is there once', async () => {
    const head = await headOf()
    one.database.lost = 2
    await one.catalog.addSegments([segment(3, ['x'])], [])
    t.equal(await headOf(), head + 1)
    t.equal((await namesOf(two.catalog)).length, 3)
  })

  await t.test('a merge replaces its inputs, and a second one of them is refused', async () => {
    const inputs = await namesOf(one.catalog)
    await namesOf(two.catalog)
    const outputs = [
      segment(10, [], { level: 1, sequence: 3 }),
      segment(11, [], { level: 1, sequence: 3 }),
    ]
    const names = outputs.map(({ name }) => name)
    const begun = await beginMerge(one.catalog, inputs, outputs[0]!)
    t.same(await two.catalog.listTaken(), new Set(inputs))
    for (const { catalog } of [one, two]) {
      const late = { inputs: inputs.slice(1), outputs: names.slice(1) }
      t.equal(await catalog.beginMerge(late), 'taken')
    }
    // A process that believes to have the inputs of another one.
    const stolen = await beginMerge(two.catalog, [], outputs[1]!)
    one.database.lost = 1
    await one.catalog.addSegments([outputs[0]!], inputs, begun)
    await t.rejects(two.catalog.addSegments([outputs[1]!], inputs, stolen), {
      code: 'CHANGE_REFUSED',
      reason: 'inputs',
    })
    t.same(await two.catalog.listTaken(), new Set())
    const gone = { inputs, outputs: names.slice(1) }
    t.equal(await two.catalog.beginMerge(gone), 'taken', 'its inputs are no more')
    for (const { catalog } of [one, two]) {
      t.same(await namesOf(catalog), [outputs[0]!.name])
      t.same(await streamsOf(catalog), ['{app="x"}', '{app="y"}'], 'streams stay')
    }
    t.equal(
      await postgres.sql('SELECT count(*) FROM skald.jobs'),
      '1',
      'the job of the refused one is left until its maker gives it up',
    )
  })

  await t.test('a merge that was given up cannot end', async () => {
    const [input] = await namesOf(one.catalog)
    const output = segment(12, [], { level: 2, sequence: 3 })
    const ticket = await beginMerge(one.catalog, [input!], output)
    await one.catalog.giveUpMerge(ticket)
    t.equal(one.catalog.job, undefined, 'nobody renews it')
    const ending = one.catalog.addSegments([output], [input!], ticket)
    await t.rejects(ending, { code: 'CHANGE_REFUSED', reason: 'job' })
    t.same(await namesOf(two.catalog), [input])
  })

  await t.test('an expired merge is taken away, and cannot end after that', async () => {
    const [input] = await namesOf(one.catalog)
    const output = segment(14, [], { level: 2, sequence: 3 })
    const ticket = await beginMerge(one.catalog, [input!], output)
    await postgres.sql("UPDATE skald.jobs SET expires = now() - interval '1 second'")
    t.same(await two.catalog.listTaken(), new Set())
    const other = segment(15, [], { level: 2, sequence: 3 })
    const taken = await beginMerge(two.catalog, [input!], other)
    const zombie = one.catalog.addSegments([output], [input!], ticket)
    await t.rejects(zombie, { code: 'CHANGE_REFUSED', reason: 'job' })
    await two.catalog.giveUpMerge(taken)
    t.same(await namesOf(two.catalog), [input])
  })

  await t.test('merges of different segments go on at a time', async () => {
    const [early, late] = [segment(16, ['x']), segment(17, ['x'])]
    await one.catalog.addSegments([early], [])
    await one.catalog.addSegments([late], [])
    const outputs = [early, late].map((_, i) => segment(18 + i, [], { level: 1, sequence: 5 + i }))
    const tickets = [
      await beginMerge(one.catalog, [early.name], outputs[0]!),
      await beginMerge(two.catalog, [late.name], outputs[1]!),
    ]
    await two.catalog.addSegments([outputs[1]!], [late.name], tickets[1])
    await one.catalog.addSegments([outputs[0]!], [early.name], tickets[0])
    const names = await namesOf(two.catalog)
    for (const { name } of outputs) t.ok(names.includes(name))
    await one.catalog.addSegments(
      [],
      outputs.map(({ name }) => name),
    )
  })

  await t.test('a merge that began without a delete request cannot end after it', async () => {
    const [input] = await namesOf(one.catalog)
    const output = segment(13, [], { level: 2, sequence: 3 })
    const ticket = await beginMerge(one.catalog, [input!], output)
    const request = { id: 'd', tenant: 'a', query: '{app="x"}', startMs: 0, endMs: 9, createdMs: 1 }
    const received = { ...request, state: 'received', sequence: 0 } as const
    t.ok(await two.catalog.deleteRequests.add(received))
    t.notOk(await two.catalog.deleteRequests.add(received), 'its id is taken')
    t.same(await one.catalog.deleteRequests.list('a'), [received])
    const change = { state: 'processing', sequence: 0 } as const
    const sequence = await two.catalog.deleteRequests.setState('a', ['d'], change)
    t.equal(sequence, await headOf())
    const ending = one.catalog.addSegments([output], [input!], ticket)
    await t.rejects(ending, { code: 'CHANGE_REFUSED', reason: 'rules' })
    t0(await one.catalog.refresh())
    t.same(await one.catalog.deleteRequests.listPending(), [{ ...received, ...change, sequence }])
    t.same(await one.catalog.listTaken(), new Set([input]), 'its maker has not given it up')
    await one.catalog.giveUpMerge(ticket)
    const again = await beginMerge(one.catalog, [input!], output)
    await one.catalog.addSegments([output], [input!], again)
    t.same(await namesOf(two.catalog), [output.name])
    t.ok(two.catalog.numberOf(output.name) > sequence)
  })

  await t.test('a commit names streams again that were removed meanwhile', async () => {
    const segments = await namesOf(one.catalog)
    await one.catalog.refresh()
    t.ok(await two.catalog.retainStreams({ tenant: 'a', day, segments }, new Set(['{app="y"}'])))
    // It does not know that x is gone.
    await one.catalog.addSegments([segment(20, ['x'])], [])
    t.same(await streamsOf(two.catalog), ['{app="x"}', '{app="y"}'])
    t.notOk(
      await two.catalog.retainStreams({ tenant: 'a', day, segments }, new Set()),
      'not the same segments',
    )
    t.same(await streamsOf(one.catalog), ['{app="x"}', '{app="y"}'])
  })

  await t.test('what expired is gone from all copies', async () => {
    t.ok((await one.catalog.dropBefore('a', day + 1)).length >= 1)
    for (const { catalog } of [one, two]) {
      t.same(await namesOf(catalog), [])
      t.same(await streamsOf(catalog), [])
    }
  })

  await t.test('a missing segment stays in the bucket for ever, should it be there', async () => {
    const { name } = segment(30, ['x'])
    await one.catalog.addSegments([segment(30, ['x'])], [])
    await one.catalog.removeSegments([name])
    t.same(await namesOf(two.catalog), [])
    t.equal(
      await postgres.sql(`SELECT removed_at::text FROM skald.segments WHERE name = '${name}'`),
      'infinity',
    )
  })

  await t.test('reads go on while PostgreSQL does not answer, and say so', async () => {
    await one.catalog.addSegments([segment(40, ['x'])], [])
    const known = await namesOf(one.catalog)
    one.database.isAway = true
    t.match(await one.catalog.refresh(), /the catalog cannot be reached: lines/)
    t.ok(one.catalog.isDown)
    t.same(
      (await one.catalog.listSegments()).map(({ name }) => name),
      known,
    )
    one.database.isAway = false
    t.equal(await one.catalog.refresh(), undefined)
    t.notOk(one.catalog.isDown)
    const told = one.messages().filter(text => /catalog/.test(text))
    t.match(told.slice(-2), [/cannot be used/, /answers again/])
  })

  await t.test('a replica that was cut off for long begins with a new copy', async () => {
    await two.catalog.refresh()
    await one.catalog.addSegments([segment(50, ['x']), segment(51, ['x'])], [])
    await one.catalog.addSegments([segment(52, ['x'])], [])
    await postgres.sql(
      'DELETE FROM skald.changes WHERE version < (SELECT version FROM skald.head); UPDATE skald.head SET floor = version - 1',
    )
    await two.catalog.refresh()
    t.equal(two.renewals(), 1)
    t.ok((await namesOf(two.catalog)).includes(segment(52, []).name))
  })

  await t.test(
    'a database that lost changes is noticed, also when it has as many again',
    async () => {
      await one.catalog.addSegments([segment(60, ['x'])], [])
      for (const { catalog } of [one, two]) await catalog.refresh()
      await postgres.sql(
        'UPDATE skald.head SET version = version - 1; DELETE FROM skald.changes WHERE version > (SELECT version FROM skald.head)',
      )
      t.match(await one.catalog.refresh(), /cannot be/)
      t.ok(one.catalog.isDown, 'pushes are refused')
      t.match(one.messages().at(-1), /cannot be used/)
      t.equal(one.losses(), 1)
      const three = await openShared(t, postgres.url)
      for (const number of [61, 62]) await three.catalog.addSegments([segment(number, ['z'])], [])
      await t.rejects(two.catalog.addSegments([segment(63, ['x'])], []), { code: 'CATALOG_OWNER' })
      t.match(await two.catalog.refresh(), /cannot be/)
      t.ok(two.losses() >= 2)
      await three.catalog.refresh()
      t.notOk((await namesOf(three.catalog)).includes(segment(63, []).name))
    },
  )
})
