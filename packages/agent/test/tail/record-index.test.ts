import { test } from 'tap'
import type { FileRecord } from '../../src/tail/positions.ts'
import { RecordIndex } from '../../src/tail/record-index.ts'

function makeRecord(fields: Partial<FileRecord>): FileRecord {
  return {
    ...{ id: 'id', scope: 's', path: '/x/a.log', foundAt: '/x/a.log', dev: '1', ino: '2' },
    ...{ birthMs: 0, inodeBirthMs: 0, order: 1, offset: 0, head: undefined, tail: undefined },
    ...fields,
  }
}

const inode = (ino: number) => ({ dev: 1n, ino: BigInt(ino) })

test('RecordIndex lists records of a path in the order the files were found', t => {
  const index = new RecordIndex()
  const [second, first] = [2, 1].map(order =>
    makeRecord({ id: `${order}`, ino: `${order}`, order }),
  )
  const other = makeRecord({ id: 'o', path: '/x/b.log', ino: '9', order: 7 })
  for (const record of [second!, first!, other]) index.add(record)
  t.strictSame(index.ofPath('s', '/x/a.log'), [first, second])
  t.strictSame(index.ofPath('another', '/x/a.log'), [])
  t.strictSame(new Set(index.newest()), new Set([second, other]))
  index.delete(second!)
  index.delete(second!)
  t.strictSame(index.ofPath('s', '/x/a.log'), [first])
  t.end()
})

test('RecordIndex replaces a record of the same name', t => {
  const index = new RecordIndex()
  const former = makeRecord({ offset: 1 })
  const later = makeRecord({ offset: 2 })
  index.add(former)
  index.add(later)
  t.strictSame([...index], [later])
  t.equal(index.withInode('s', inode(2)), later)
  index.move(former, () => {
    former.ino = '5'
  })
  t.equal(index.withInode('s', inode(5)), undefined, 'one that is not here only changes')
  t.end()
})

test('RecordIndex finds a record where its file is now', t => {
  const index = new RecordIndex()
  const record = makeRecord({})
  index.add(record)
  index.move(record, () => Object.assign(record, { foundAt: '/y/b.log', ino: '3' }))
  t.equal(index.withInode('s', inode(2)), undefined)
  t.equal(index.withInode('s', inode(3)), record)
  t.strictSame(index.alike('s', '/x/a.log.1'), [])
  t.strictSame(index.alike('s', '/y/b.log.1.gz'), [record])
  t.strictSame(index.alike('s', '/y/b-2026.log'), [record])
  t.strictSame(index.alike('s', '/y/c.log'), [])
  t.strictSame(index.alike('another', '/y/b.log'), [])
  t.end()
})

test('RecordIndex assigns a reused inode to the newer file', t => {
  const index = new RecordIndex()
  const newer = makeRecord({ id: 'newer', order: 2 })
  const older = makeRecord({ id: 'older', order: 1 })
  index.add(newer)
  index.add(older)
  t.equal(index.withInode('s', inode(2)), newer)
  index.delete(older)
  t.equal(index.withInode('s', inode(2)), newer)
  index.forgetInode(newer)
  t.equal(index.withInode('s', inode(2)), undefined)
  t.end()
})
