import { test } from 'tap'
import { activityStepNs, KnownStreams, stepOf } from '../../src/catalog/known-streams.ts'

const known = (id: number) => ({ id, day: 7, firstStep: 1, lastStep: 2 })

test('a stream is known by its tenant and its labels', t => {
  const streams = new KnownStreams()
  streams.set('a', '{app="x"}', known(1))
  streams.set('b', '{app="x"}', known(2))
  t.same(streams.get('a', '{app="x"}'), known(1))
  t.same(streams.get('b', '{app="x"}'), known(2))
  t.equal(streams.get('a', '{app="y"}'), undefined)
  t.equal(streams.get('c', '{app="x"}'), undefined)
  t.end()
})

test('beyond the most streams of all tenants, it starts over', t => {
  const streams = new KnownStreams(2)
  streams.set('a', '{app="x"}', known(1))
  streams.set('b', '{app="x"}', known(2))
  streams.set('b', '{app="x"}', known(3))
  t.same(streams.get('a', '{app="x"}'), known(1), 'the same stream counts once')
  streams.set('b', '{app="y"}', known(4))
  t.equal(streams.get('a', '{app="x"}'), undefined)
  t.equal(streams.get('b', '{app="x"}'), undefined)
  t.same(streams.get('b', '{app="y"}'), known(4))
  t.end()
})

test('a step begins at each multiple of its length, before 1970 too', t => {
  t.equal(stepOf(0n), 0)
  t.equal(stepOf(activityStepNs - 1n), 0)
  t.equal(stepOf(activityStepNs), 1)
  t.equal(stepOf(-1n), -1)
  t.equal(stepOf(-activityStepNs), -1)
  t.equal(stepOf(-activityStepNs - 1n), -2)
  t.end()
})
